#!/usr/bin/env python3
"""Writes tests/fixtures/metrics/reference.json: metrics and tests as their reference packages compute them.

pip install sacrebleu==2.6.0 rouge-score==0.1.2 scikit-learn==1.9.1 scipy==1.17.1 statsmodels==0.15.0
Run it in the root of the repository.
"""

import json
import random
import re
import string
from collections import Counter
from pathlib import Path

import numpy
import sacrebleu
from rouge_score import rouge_scorer
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

PAIRS = [
    ("The cat sat on the mat.", "The cat sat on the mat."),
    ("The cat sat on the mat.", "the cat is on the mat"),
    ("We can't refund it, sorry.", "We can not refund it (sorry)!"),
    ("It costs $1,234.50 – or 3.5% more.", "It costs $1,234.5 or 3.5 % more."),
    ("state-of-the-art: 3-4 items; e.g. \"these\" &amp; those", "state of the art, 3 - 4 items e.g. 'these' & those"),
    ("Grüße aus Köln, naïve Straße", "Gruesse aus Koeln, naive Strasse"),
    ("银行每天从九点到五点营业。", "银行从九点营业到六点。"),
    ("مرحبا بالعالم", "مرحبا يا عالم"),
    ("one", "two"),
    ("one two", ""),
    ("x", "a very long answer that goes on and on and on without an end in sight"),
    ("a b c d e f g h i j", "a b c d e f g h i j k"),
    ("a b c d e f g h i j", "j i h g f e d c b a"),
    ("{\"category\": \"billing\", \"urgent\": true}", "{\"category\":\"billing\",\"urgent\":false}"),
    ("multi\nline  text\twith   spaces", "multi line text with spaces"),
    ("\U0001f375 tea \U0001f600!", "\U0001f375 tea"),
    ("The the THE a an", "theory of an ape"),
    ("re-\nturned <skipped> goods", "returned goods"),
    ("1. first 2. second 3. third", "1.first 2.second"),
    ("Ünïcödé ẞ ß ﬁ", "ünïcödé ß ss fi"),
    ("quick brown fox jumps over the lazy dog", "brown quick fox jumped over a lazy dog today"),
    ("no match at all here", "completely different words appear"),
]


def squad_normalize(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(expected, answer):
    expected, answer = squad_normalize(expected).split(), squad_normalize(answer).split()
    if not expected or not answer:
        return float(expected == answer)
    common = sum((Counter(expected) & Counter(answer)).values())
    return 0.0 if common == 0 else 2 * common / (len(expected) + len(answer))


def texts():
    expected, answers = [e for e, _ in PAIRS], [a for _, a in PAIRS]
    rouge = rouge_scorer.RougeScorer(["rougeL"])
    return {
        "pairs": PAIRS,
        "sentence_chrf": [sacrebleu.sentence_chrf(a, [e]).score for e, a in PAIRS],
        "corpus_chrf": sacrebleu.corpus_chrf(answers, [expected]).score,
        "sentence_bleu": [sacrebleu.sentence_bleu(a, [e]).score for e, a in PAIRS],
        "corpus_bleu": sacrebleu.corpus_bleu(answers, [expected]).score,
        "rouge_l": [rouge.score(e, a)["rougeL"].fmeasure for e, a in PAIRS],
        "token_f1": [squad_f1(e, a) for e, a in PAIRS],
        "normalized": [float(squad_normalize(e) == squad_normalize(a)) for e, a in PAIRS],
    }


def labels():
    rng = random.Random(5)
    names = ["billing", "bug", "how_to", "outage", "rare"]
    cases = []
    for size in (8, 60, 300):
        expected = [rng.choice(names[:4]) for _ in range(size)] + ["rare", "rare"]
        answered = [e if rng.random() < 0.7 else rng.choice(names + ["nonsense"]) for e in expected]
        known = sorted(set(expected))
        # What is no label is a class of its own.
        seen = [a if a in known else "~other" for a in answered]
        matrix = confusion_matrix(expected, seen, labels=known + ["~other"])
        cases.append({
            "expected": expected,
            "answered": answered,
            "accuracy": accuracy_score(expected, seen),
            "macro_f1": f1_score(expected, seen, average="macro", zero_division=0),
            "labels": known,
            "matrix": matrix[: len(known)].tolist(),
        })
    return cases


def calibration():
    rng = numpy.random.default_rng(3)
    confidence = rng.uniform(0.05, 0.999, 200)
    right = (rng.uniform(size=200) < confidence**1.5).astype(int)
    share, mean = calibration_curve(right, confidence, n_bins=10, strategy="uniform")
    bins = numpy.clip((confidence * 10).astype(int), 0, 9)
    error = sum(
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).sum() for b in range(10) if (bins == b).any()
    )
    return {
        "confidence": confidence.tolist(),
        "right": right.tolist(),
        "share": share.tolist(),
        "mean": mean.tolist(),
        "expected_calibration_error": error / 200,
    }


def tests():
    counts = [(0, 0), (1, 0), (3, 3), (8, 2), (2, 17), (40, 25), (300, 220)]
    rng = numpy.random.default_rng(11)
    before = rng.normal(0.5, 0.2, 40)
    values = {}
    for name, shift in (("small", 0.03), ("large", 0.2)):
        after = before + rng.normal(shift, 0.1, 40)
        exact = stats.permutation_test(
            (after, before), lambda a, b, axis: numpy.mean(a - b, axis=axis), permutation_type="samples", vectorized=True,
            n_resamples=100_000, rng=numpy.random.default_rng(1),
        )
        interval = stats.bootstrap(
            (after - before,), numpy.mean, n_resamples=100_000, method="percentile", rng=numpy.random.default_rng(2)
        ).confidence_interval
        values[name] = {
            "before": before.tolist(), "after": after.tolist(), "p_value": float(exact.pvalue),
            "low": float(interval.low), "high": float(interval.high),
        }
    first = [rng.integers(0, 3) for _ in range(50)]
    second = [f if rng.random() < 0.7 else rng.integers(0, 3) for f in first]
    return {
        "mcnemar": [[b, c, float(mcnemar([[5, b], [c, 5]], exact=True).pvalue) if b + c else 1.0] for b, c in counts],
        "sign": [[b, c, float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0] for b, c in counts],
        "wilson": [[k, n, *map(float, proportion_confint(k, n, method="wilson"))] for k, n in ((0, 10), (7, 10), (50, 50), (123, 300))],
        "kappa": [[int(v) for v in first], [int(v) for v in second], float(cohen_kappa_score(first, second))],
        "values": values,
    }


def main():
    folder = Path("tests/fixtures/metrics")
    folder.mkdir(parents=True, exist_ok=True)
    reference = {"texts": texts(), "labels": labels(), "calibration": calibration(), "tests": tests()}
    (folder / "reference.json").write_text(json.dumps(reference, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
