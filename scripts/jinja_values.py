#!/usr/bin/env python3
"""Writes down what Jinja2, as Transformers sets it up, makes of small templates: tests/fixtures/jinja_values.json.

Needs `pip install transformers jinja2`. A template that Jinja2 refuses has `null` for its text. What our engine refuses
although Jinja2 doesn't stands in REFUSED, so that the list of what is missing is kept here; it has no text either.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
from transformers.utils.chat_template_utils import render_jinja_template  # noqa: E402

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " What's up, Doc?\n"},
    {"role": "assistant", "content": "Größe: 5 ≤ 7 <b>&amp;</b>"},
]

EXPRESSIONS = {
    "numbers": """
        1 + 2 * 3 | 7 // 2 | -7 // 2 | 7 % 3 | -7 % 3 | 7 % -3 | 7.5 % 2 | -7.5 // 2 | 2 ** 10 | 2 ** -1 | 2 ** 0.5 | -2 ** 2
        1 / 2 | 4 / 2 | 1e3 | 1.5e-7 | 0.1 + 0.2 | 1e16 | 1e15 | 123456789012345678 | 1_000 | 0x1F | 0b101 | 0o17 | 1.0
        -5 | - 5 | 3 - -2 | true + 1 | true * 3 | 5 // 0 | 5 % 0 | 1 / 0 | 5.0 // 0 | 'a' + 1 | 1 + 'a' | 1 + none
        10 ** 30 | 2.5 * 2 | 7 // 2.0 | 1 == 1.0 | true == 1 | 1 < 2 < 3 | 1 < 3 < 2 | 3 > 2 >= 2 | 1 != 2 | 1 == '1'
        1 < 'a' | none < 1 | [1, 2] < [1, 3] | (1, 2) < (1, 2, 0) | 'a' < 'b' | 'B' < 'a' | 1.5 | -0.0 | 1e400 | 100000.0 * 10
        5 is odd | 4 is even | 9 is divisibleby 3 | 9 is divisibleby(2) | 1 is number | true is number | true is integer
        1.0 is float | 1 is float | 1 is integer | '1' is number | none is number | 2 is eq 2 | 2 is ne 2 | 3 is gt(2) | 2 is le 2
        2.5.is_integer() | 1 if true | 1 if false | (1 if false else 2) | not 1 | not not 1
    """,
    "texts": """
        'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1, 'x'] ~ {'k': none} | 'a' 'b' | "it's" | 'a\\nb' | 'a\\tb' | '\\x41\\u00e4' | '\\d+' | '\\/' | "\\"" | '\\101'
        'abc'[0] | 'abc'[-1] | 'abc'[5] | 'abc'[1:] | 'abc'[:-1] | 'abc'[::-1] | 'abcdef'[1:5:2] | 'abcdef'[::2] | 'abcdef'[4:1:-1] | 'abc'[:100]
        'äöü'[1] | 'äöü'[1:2] | 'äöü'|length | 'ab' * 3 | 3 * 'ab' | 'ab' * 0 | 'ab' * -1 | 'ab' * 1.5 | 'a' in 'abc' | '' in 'abc' | 1 in 'abc'
        'x' not in 'abc' | 'abc' == 'abc' | 'a.b.c'.split('.') | 'a.b.c'.split('.', 1) | 'a.b.c'.rsplit('.', 1) | ' a  b '.split() | ' a  b '.split(' ')
        'a b c'.split(none, 1) | 'a b c '.rsplit(none, 1) | 'a b c'.split(maxsplit=1) | 'abc'.split('') | ''.split() | ''.split(',') | 'a,b'.split(sep=',')
        'a.b.c'.partition('.') | 'abc'.partition('.') | 'a.b.c'.rpartition('.') | 'abc'.rpartition('.') | 'a\\nb\\r\\nc'.splitlines() | 'a\\nb\\n'.splitlines(true)
        '  x '.strip() ~ '|' | 'xxaxx'.strip('x') | 'xya'.lstrip('xy') | 'axy'.rstrip('yx') | ' x'.lstrip() | 'abc'.strip('') | 'xay'.removeprefix('x') | 'xay'.removesuffix('y') | 'xay'.removeprefix('z')
        'abcabc'.find('c') | 'abcabc'.rfind('c') | 'abc'.find('z') | 'abc'.index('b') | 'abc'.index('z') | 'abcabc'.find('a', 1) | 'abcabc'.find('c', 1, 2) | 'äbc'.find('b') | 'abc'.find('', 9) | 'abc'.find('', 3)
        'banana'.count('an') | 'aaaa'.count('aa') | 'abc'.count('') | 'banana'.count('a', 2) | 'a-b-c'.replace('-', '+') | 'a-b-c'.replace('-', '+', 1) | 'ab'.replace('', '-') | 'abc'.replace('b', '')
        '7'.zfill(3) | '-7'.zfill(4) | 'ab'.center(5) ~ '|' | 'ab'.center(6, '*') | 'abc'.center(6, '*') | 'ab'.ljust(4) ~ '|' | 'ab'.rjust(4, '.') | 'ab'.rjust(1) | 'ab'.center(4, 'xy')
        'hello world'.title() | "it's me".title() | 'hELLO wORLD'.capitalize() | 'aBc'.swapcase() | 'ÄÖ'.lower() | 'straße'.upper() | 'ǆx'.title() | 'ß'.capitalize() | 'ΑΣ'.lower() | 'aBC'.casefold()
        '12'.isdigit() | ''.isdigit() | '1a'.isdigit() | 'ab'.isalpha() | 'a1'.isalnum() | 'a b'.isalnum() | ' \\t'.isspace() | 'ab'.islower() | 'aB'.islower() | 'AB1'.isupper() | '1'.isupper() | 'Ab Cd'.istitle() | 'AB'.istitle() | 'a_1'.isidentifier() | '1a'.isidentifier() | 'ä'.isascii() | 'a\\n'.isprintable() | '12'.isdecimal() | '12'.isnumeric()
        'abc'.startswith('ab') | 'abc'.startswith(('x', 'a')) | 'abc'.startswith('b', 1) | 'abc'.endswith('c') | 'abc'.endswith(('x', 'bc')) | 'abc'.endswith('b', 0, 2) | 'abc'.startswith(1) | 'abc'.startswith(['a'])
        '-'.join(['a', 'b']) | ''.join([]) | ','.join('abc') | ','.join([1]) | ','.join({'a': 1, 'b': 2}) | 'a\\tb'.expandtabs(4) | 'abc'.encode() | 'abc'.foo | 'abc'.foo() | 'abc'.upper
        '%s and %d' % ('a', 3) | '%s' % 'a' | '%s' % 1.0 | '%5d|%-5d|%05d' % (1, 2, 3) | '%.2f' % 3.14159 | '%x %X %o' % (255, 255, 8) | '%r' % 'a' | '%s %s' % ('a',) | '%s' % ('a', 'b') | '%(k)s' % {'k': 1} | '%%' % () | '%c' % 'x' | '%d' % 'x' | '%d' % 3.7 | '%e' % 12345.678 | '%g' % 0.00001 | '%g' % 123456789.0 | '%+d' % 5 | '%s' % none | '%s' % [1, 2] | '%5s|%-5s|' % ('a', 'b') | '%.1s' % 'abc' | '%*d' % (4, 7) | 'abc' % () | 'abc' % 1 | '%#x' % 255 | '% d' % 5 | '%i' % 5
        '{} and {}'.format(1, 'b') | '{0}{1}{0}'.format('a', 'b') | '{k}'.format(k=1) | '{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c') | '{:05d}'.format(42) | '{:.2f}'.format(3.14159) | '{:,}'.format(1234567) | '{:x}'.format(255) | '{!r}'.format('a') | '{{}}'.format() | '{:*^9}'.format('mid') | '{:+}'.format(3) | '{:%}'.format(0.5) | '{:e}'.format(1234.5) | '{0[1]}'.format([1, 2]) | '{0.a}'.format({'a': 1}) | '{}'.format() | '{:d}'.format('a') | '{:g}'.format(1e10) | '{:#x}'.format(255) | '{:5}|'.format(1) | '{:5}|'.format('a') | '{:b}'.format(5) | '{:.3}'.format('abcdef') | '{}'.format(true) | '{}'.format(none) | '{:>8.3f}|'.format(2.5) | '{:_}'.format(1234567) | '{:10}|'.format(1.5)
        'abc'|upper | 'ABC'|lower | 'hello-world foo'|title | "it's"|title | 'hELLO'|capitalize | '  x '|trim ~ '|' | 'xax'|trim('x') | 'a b'|wordcount | 'foo_bar baz-qux'|wordcount | none|upper | 1|upper | none|trim
        'a-b-a'|replace('a', 'x') | 'a-b-a'|replace('a', 'x', 1) | 1|replace(1, 2) | 'ab'|center(6) ~ '|' | 'a\\nb'|indent | 'a\\nb\\n\\nc'|indent(2) | 'a\\n\\nb'|indent(2, true, true) | 'a\\nb'|indent('> ') | 'a\\n'|indent | ''|indent | 1|indent | 'a\\nb'|indent(width=3, first=true)
        'hello world foo'|truncate(9) | 'hello world foo'|truncate(9, true, '', 0) | 'hello'|truncate(3) | 'abc def ghi'|truncate(5, false, '..', 0) | '<a href="x">&\\'</a>'|e | '<b>'|escape|escape | '<b>'|safe | '<b>'|forceescape | ('<b>'|safe) ~ '<i>' | ('<b>'|safe) + '<i>' | '<i>' + ('<b>'|safe) | ('a'|safe)|upper | '<b>'|escape|string | 'a b/c?ä'|urlencode | '%s-%s'|format('a', 1) | '%(x)s'|format(x=2) | 'abc'|reverse | 'abc'|list | 'abc'|first | 'abc'|last | ''|first | 'abc'|join('-') | 'abc'|string | 1.0|string | ('<b>'|safe)|list | ['<b>'|safe] | 'abc'|length | 'abc'|count
        'abc' is string | 'abc' is sequence | 'abc' is iterable | 'abc' is mapping | 'abc' is lower | 'ABC' is upper | 'a' is in 'abc' | 'a' is in ['a'] | 'a' is eq 'a' | ('a'|safe) is escaped | 'a' is escaped | 'a' is sameas 'b' | 'x' is callable
    """,
    "lists": """
        [1, 2] | [1, 'a', none, true, 1.5, [2], {'k': 'v'}] | (1, 2) | (1,) | () | [] | {} | {'a': 1, 'b': [1]} | {1: 2, none: 3} | ["it's", 'a"b', 'a\\nb', 'ä\\u200b', '\\\\'] | {'z': 1, 'a': 2} | [1] + [2] | (1,) + (2,) | [1] + (2,) | [1] * 2 | (1, 2) * 2 | 2 * [0] | [1, 2] == [1, 2] | [1] == (1,) | {'a': 1} == {'a': 1.0} | [1, [2]] == [1, [2]]
        [1, 2, 3][0] | [1, 2, 3][-1] | [1, 2, 3][9] | [1, 2, 3][1:] | [1, 2, 3][::-1] | [1, 2, 3][-2:] | (1, 2, 3)[1:] | [1, 2, 3][:2] | [1, 2, 3].0 | [1, 2, 3]['a'] | [1, 2, 3][0:3:2] | [1, 2, 3][none:2]
        [1, 2].index(2) | [1, 2].index(9) | [1, 1, 2].count(1) | (1, 2).index(2) | [1].append(2) | [1].pop() | [1, 2].copy() | [2, 1].sort() | [1].foo | [1].foo() | [1, 2].index
        {'a': 1}.a | {'a': 1}['a'] | {'a': 1}.b | {'a': 1}['b'] | {'a': 1}.get('a') | {'a': 1}.get('b') | {'a': 1}.get('b', 5) | {'a': 1}.items() | {'a': 1}.keys() | {'a': 1}.values() | {'a': 1}.items()|list | {'a': 1, 'b': 2}.keys()|join | {'a': 1}.update({'b': 2}) | {'a': 1}.pop('a') | {'items': 5}.items | {'items': 5}['items'] | {'a': 1}.items is defined | {'a': 1}['items'] is defined | {'a': 1}.copy() | {'a': 1}.setdefault('b', 1) | {'a': {'b': 2}}.a.b | {'a': 1}.a.b | {'a': 1}.b.c | {'a': 1}[[1]] | {1: 'x'}[1] | {'keys': 3}['keys'] | {'keys': 3}.keys()|list | {'a': 1}.items()[0] is defined
        1 in [1, 2] | 'a' in {'a': 1} | 3 not in [1] | [1] in [[1]] | none in [none] | 1 in none | 1 in undefined_thing | true in [1] | [1] in {'a': 1} | 1 in range(3)
        [1, 2] | length | []|length | {'a': 1}|length | none|length | 1|length | undefined_thing|length | range(3)|length | range(5)|list | range(1, 10, 3)|list | range(5, 0, -2)|list | range(3) | range(1, 6, 2) | range(0)|list | range(3)[1] | range(200000)|length
        [3, 1, 2]|sort | ['b', 'A', 'c']|sort | ['b', 'A', 'c']|sort(case_sensitive=true) | [3, 1, 2]|sort(reverse=true) | [1, 'a']|sort | [{'n': 2}, {'n': 1}]|sort(attribute='n') | [{'a': 1, 'b': 2}, {'a': 1, 'b': 1}]|sort(attribute='a,b') | [none, 1]|sort | [[2], [1, 5]]|sort | (2, 1)|sort
        [1, 2, 3]|first | []|first | [1, 2, 3]|last | []|last | [1, 2, 3]|join(', ') | [1, none, true]|join('-') | [{'n': 1}, {'n': 2}]|join(',', attribute='n') | [1, 2]|join | none|join | 5|join | [[1], 'a']|join(' ')
        [1, 2, 3]|sum | [1.5, 2]|sum | [{'n': 1}, {'n': 2}]|sum(attribute='n') | [1]|sum(start=10) | ['a']|sum | [1, 5, 3]|max | [1, 5, 3]|min | []|max | ['b', 'A']|min | ['b', 'A']|min(case_sensitive=true) | [{'n': 1}, {'n': 2}]|max(attribute='n')
        [1, 1, 2]|unique|list | ['a', 'A', 'b']|unique|list | ['a', 'A']|unique(case_sensitive=true)|list | [1, 2, 3, 4, 5]|batch(2)|list | [1, 2, 3]|batch(2, 'x')|list | [1, 2, 3, 4, 5]|slice(2)|list | [1, 2, 3]|slice(2, 'x')|list | [1, 2, 3]|reverse|list | [1, 2]|list | (1, 2)|list | {'a': 1, 'b': 2}|list | none|list | 1|list
        [1, 2, 3]|map('string')|list | ['a', 'b']|map('upper')|join | [{'n': 1}, {'m': 2}]|map(attribute='n')|list | [{'n': 1}, {'m': 2}]|map(attribute='n', default=0)|list | [{'a': {'b': 1}}]|map(attribute='a.b')|list | [[1, 2]]|map(attribute=1)|list | ['a-b']|map('replace', '-', '+')|list | [' a ']|map('trim')|list | [1]|map('nofilter')|list | none|map('upper')|list | [3]|map|list
        [1, 2, 3]|select('odd')|list | [0, 1]|select|list | [1, 2, 3]|reject('odd')|list | [1, 2, 3]|select('gt', 1)|list | [{'a': 1}, {'a': 0}]|selectattr('a')|list | [{'r': 'x'}, {'r': 'y'}]|selectattr('r', 'equalto', 'x')|list | [{'r': 'x'}, {}]|rejectattr('r', 'defined')|list | [{'r': 'x'}]|selectattr('r', 'in', ['x'])|list | [1]|select('notest')|list | [1, 2]|select('==', 2)|list | [{'a': {'b': 1}}]|selectattr('a.b')|list
        {'b': 1, 'a': 2}|dictsort | {'b': 1, 'a': 2}|dictsort(by='value') | {'b': 1, 'a': 2}|dictsort(reverse=true) | {'B': 1, 'a': 2}|dictsort | {'B': 1, 'a': 2}|dictsort(true) | {'a': 1}|items|list | none|items|list | undefined_thing|items|list | [{'g': 'x', 'v': 1}, {'g': 'y', 'v': 2}, {'g': 'x', 'v': 3}]|groupby('g') | ([{'g': 'x'}]|groupby('g'))[0].grouper | ([{'g': 'x'}]|groupby('g'))[0][1]
        [1] is sequence | [1] is iterable | [1] is mapping | {} is mapping | {'a': 1} is sequence | {'a': 1} is iterable | none is iterable | none is sequence | 1 is iterable | 1 is sequence | undefined_thing is iterable | undefined_thing is sequence | undefined_thing is mapping | undefined_thing is string | none is none | none is defined | undefined_thing is defined | undefined_thing is undefined | undefined_thing is none | true is true | 1 is true | true is boolean | 1 is boolean | false is false | [] is defined | true is sameas true | none is sameas none | 1 is sameas none | range(2) is sequence | {'a':1}.items() is iterable | {'a':1}.items() is sequence | none is callable | undefined_thing is callable | dict is callable
        dict(a=1, b=2) | dict({'a': 1}, b=2) | dict([('a', 1)]) | dict() | namespace(a=1).a | namespace(a=1).b is defined | namespace(_a=1).a | {'a': 1}|attr('a') is defined | {'a': 1}|attr('items') is defined | [1, 2]|tojson | {'a': 1, **{'b': 2}}
    """,
    "other": """
        none | true | false | undefined_thing | undefined_thing.a | undefined_thing['a'] | undefined_thing() | undefined_thing + 1 | undefined_thing ~ 'a' | undefined_thing == undefined_other | undefined_thing == none | undefined_thing|default('d') | ''|default('d') | ''|default('d', true) | none|default('d') | none|default('d', true) | undefined_thing|default(boolean=true) | undefined_thing or 'x' | not undefined_thing | undefined_thing|upper | undefined_thing|trim | undefined_thing|string | undefined_thing|list | undefined_thing|tojson | [undefined_thing] | none.a | none.a.b | none['a'] | none() | 1.a | undefined_thing[0:1] | undefined_thing is eq 1 | undefined_thing < 1 | -undefined_thing | undefined_thing in [1] | undefined_thing|int | undefined_thing|join
        1 and 2 | 0 and 2 | 0 or 'x' | '' or none | [] or {} | 1 and 0 or 3 | not '' | (not 1) == false | 'a' if 0 else 'b' | ('a' if 1 else 'b') ~ 'c' | none == none | none != 1 | not none is defined | 1 is not none | 'a' is not string | not 'a' is string | 1 + 1 ~ 1 | 'x' ~ 1 + 1 | 2 * 3 ~ 4 | 2 ~ 3 * 4 | -1|abs | (-1)|abs | 1 == 1 and 2 == 2 | 1 in [1] == true | 'a' ~ 'b'|upper | ('a' ~ 'b')|upper | 2 ** 3 ** 2 | -2 ** 2 | 1 - 1 - 1 | 8 / 2 / 2 | not 1 == 2 | 1 if 1 else 2 if 0 else 3 | 'b' in 'abc' and 'z' not in 'abc'
        42|int | '42'|int | ' 42 '|int | '4_2'|int | '42.9'|int | 'x'|int | 'x'|int(5) | 'x'|int(default=5) | '0x1f'|int(0, 16) | '1f'|int(base=16) | '101'|int(0, 2) | 3.9|int | -3.9|int | none|int | none|int(7) | true|int | [1]|int | '1e3'|int | ''|int | '1.5'|float | 'x'|float | 'x'|float(2.5) | 3|float | none|float | '1e5'|float | 'inf'|float | '-3'|int | '٣'|int
        2.5|round | 3.5|round | 2.675|round(2) | 42|round | 42.55|round(1) | 42.1|round(method='ceil') | 42.9|round(0, 'floor') | 1.005|round(2) | -2.5|round | 1234|round(-2) | 'a'|round | 2.5|round(0, 'x') | -3|abs | -3.5|abs | 'a'|abs | 1e20|int | 0.5|round | 1.25|round(1, 'ceil')
        {'a': 1}|tojson | [1, 'ä', none, true, 1.0, 1e-5, 1e20]|tojson | '<b>&"\\'\\n\\t\\x01\\x7f\\u2028'|tojson | {'a': [1, {'b': 2}]}|tojson(indent=2) | []|tojson(indent=2) | {}|tojson(indent=2) | [[], {}]|tojson(indent=1) | {'z': 1, 'a': 2}|tojson(sort_keys=true) | {'a': 1}|tojson(separators=(',', ':')) | 'ä😀'|tojson(ensure_ascii=true) | {'a': 1}|tojson(indent=4, separators=(', ', ' = ')) | [1]|tojson(indent=0) | [1, 2]|tojson(indent='\\t') | {1: 2, true: 3, none: 4, 1.5: 5}|tojson | (1, 2)|tojson | {'b': {'d': 1, 'c': 2}, 'a': 3}|tojson(sort_keys=true) | ('a'|safe)|tojson | range(2)|tojson | dict|tojson | {'a': 1}|tojson(2) | {'a': 1}|tojson(foo=1) | none|tojson | 'a'|tojson|tojson | {'a': 1}|tojson(true) | {(1, 2): 3}|tojson | [1]|tojson(indent=none) | 1.0|tojson | 1e16|tojson | {1: 1, 'a': 2}|tojson(sort_keys=true) | {'a': 1}.items()|list|tojson | {'a':1}.keys()|tojson
        messages|length | messages[0].role | messages[-1]['content'] | messages[0] | messages|map(attribute='role')|join(',') | messages|selectattr('role', 'equalto', 'user')|list|length | messages[1:]|length | messages[9].role | messages[9] is defined | messages[1].content|trim | messages[2].content|e | messages|tojson | messages[1].content | messages|first|tojson | tools is none | tools is defined | documents is none | documents is defined | add_generation_prompt | bos_token | bos_token is defined | pad_token is defined | (messages|last).role | messages is iterable | messages is string | messages[0].content is string | messages[0].content is mapping | messages[0] is mapping | messages[0].get('x', 'y') | 'role' in messages[0] | messages[0].items()|list | messages[0].keys()|list | messages[::-1]|map(attribute='role')|list | messages[0]|length | messages[0]|list | messages == messages | messages[0] == {'role': 'system', 'content': 'Be brief.'}
        raise_exception('no') | lipsum is defined | cycler is defined | joiner is defined | range is defined | foo('a') | messages() | 'a'|nofilter | 'a' is notest | __class__ | ''.__class__ | [].__class__.__name__ | {'__x': 1}.__x | {'_x': 1}._x
    """,
}

TEMPLATES = [
    # Loops.
    "{% for i in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for i in [1, 2, 3] %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}",
    "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{{ loop.cycle('a', 'b') }};{% endfor %}",
    "{% for i in [1, 2, 3, 4] if i is even %}{{ i }}{{ loop.length }}{% else %}none{% endfor %}",
    "{% for i in [] %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in undefined_thing %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in none %}{{ i }}{% endfor %}",
    "{% for i in 5 %}{{ i }}{% endfor %}",
    "{% for c in 'äbc' %}{{ c }}.{% endfor %}",
    "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }},{% endfor %}",
    "{% for k, v in {'z': 1, 'b': 2}|dictsort %}{{ k }}={{ v }},{% endfor %}",
    "{% for k, v in {'z': 1, 'b': 2}|items %}{{ k }}={{ v }},{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}",
    "{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in range(3) recursive %}{{ i }}{% endfor %}",
    "{% for n in [{'v': 1, 'c': [{'v': 2}, {'v': 3, 'c': [{'v': 4}]}]}] recursive %}{{ loop.depth }}{{ n.v }}({{ loop(n.c) }}){% endfor %}",
    "{% for n in [[1, [2]]] recursive %}{% if n is iterable %}[{{ loop(n) }}]{% else %}{{ n }}{% endif %}{% endfor %}",
    "{% for i in [1, 2] %}{% for j in [1, 2] %}{{ loop.index }}{{ i }}{{ j }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for i in [1, 2] %}{% set o = loop %}{% for j in [1, 2] %}{{ o.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{{ loop }}",
    "{% for i in [1] %}{{ loop is defined }}{{ loop.foo is defined }}{% endfor %}",
    "{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }}{% endfor %}{{ a }}",
    "{% for i in range(0, 10, 3) %}{{ i }}{% endfor %}",
    "{% for m in messages|reverse %}{{ m.role }},{% endfor %}",
    "{% for g in [{'t': 'b', 'v': 1}, {'t': 'a', 'v': 2}, {'t': 'b', 'v': 3}]|groupby('t') %}{{ g.grouper }}:{{ g.list|map(attribute='v')|join('+') }};{% endfor %}",
    "{% for t, l in [{'t': 'b'}, {'t': 'a'}]|groupby('t') %}{{ t }}{{ l|length }}{% endfor %}",
    "{% for i in [1,2,3]|map('string') %}{{ i }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% set m = [1, 2]|map('string') %}{{ m|join }}{{ m|join }}",
    "{% for row in [1,2,3,4]|batch(2) %}{{ row|join('-') }};{% endfor %}",
    "{% for i in [1, 2, 3] %}{{ i }}{{ ', ' if not loop.last }}{% endfor %}",
    # Scopes.
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in [1, 2] %}{{ x }}{% set x = i %}{% endfor %}",
    "{% set x = 5 %}{% for i in [1, 2] %}{{ x }}{% set x = i %}{% endfor %}",
    "{% if true %}{% set x = 1 %}{% endif %}{{ x }}",
    "{% if false %}{% set x = 1 %}{% endif %}{{ x is defined }}",
    "{% set ns = namespace(x=0) %}{% for i in [1, 2, 3] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{% set ns.b = 'x' %}{{ ns }}{{ ns.c is defined }}",
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}",
    "{% set ns = namespace(l=[]) %}{% for i in [1, 2] %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.l }}{{ ns.l|tojson }}",
    "{% set ns = namespace(items=3) %}{{ ns.items }}{% set ns.get = 4 %}{{ ns.get }}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}{{ ns._x }}",
    "{% set d = {} %}{% set d.x = 1 %}{{ d }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a, b = [1, 2] %}{{ a }}{{ b }}",
    "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}",
    "{% set x = 1, 2 %}{{ x }}",
    "{% set x = 'a' if false %}{{ x is defined }}",
    "{% set x %}a{{ 1 }}b{% endset %}{{ x|upper }}{{ x is string }}",
    "{% set x | upper %}ab{% endset %}{{ x }}",
    "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "{% set ns = namespace() %}{% set ns.x %}abc{% endset %}{{ ns.x }}",
    "{% filter upper %}{% set y = 1 %}a{{ y }}b{% endfilter %}{{ y is defined }}",
    "{% filter replace('a', 'b')|upper %}aac{% endfilter %}",
    "{% filter indent(2) %}a\nb{% endfilter %}",
    "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x is defined }}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}",
    "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "{% for m in messages %}{% generation %}{{ loop.index }}{{ m.role }}{% endgeneration %}{% endfor %}",
    # Macros.
    "{% macro m(a, b=2) %}{{ a }}-{{ b }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=2) }}{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(c=1) }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}",
    "{% macro m() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro m() %}{% set z = 1 %}{{ x }}{% endmacro %}{% set x = 3 %}{{ m() }}{{ z is defined }}",
    "{% macro fact(n) %}{{ n }}{% if n > 1 %},{{ fact(n - 1) }}{% endif %}{% endmacro %}{{ fact(5) }}",
    "{% macro m() %}ab{% endmacro %}{{ m()|upper }}{{ m() ~ 'c' }}{{ m() == 'ab' }}{{ m()|length }}",
    "{% macro m() %}  a  {% endmacro %}{{ m().strip() }}|{{ m() is string }}",
    "{% macro m(x) %}{{ x is defined }}{% endmacro %}{{ m() }}{{ m(1) }}",
    "{% macro m(x=none) %}{{ x is none }}{% endmacro %}{{ m() }}{{ m(1) }}",
    "{% macro m(*a) %}{{ a }}{% endmacro %}{{ m(1) }}",
    "{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ kwargs }}{% endmacro %}{{ m(1, b=2) }}",
    "{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}",
    "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}",
    # Conditions and white space.
    "{% if 0 %}a{% elif '' %}b{% elif [1] %}c{% else %}d{% endif %}",
    "{% if not messages %}a{% else %}b{% endif %}",
    "{% if undefined_thing %}a{% endif %}b",
    "{% if undefined_thing.x %}a{% endif %}b",
    "  {% if true %}\n  a\n  {% endif %}\n  b\n",
    "  {%- if true %}\n  a\n  {%- endif %}\n  b\n\n",
    "a\n\n{%- if true -%}\n\n b \n{%- endif +%}\nc",
    "a {# c #} b\n  {# c #}\nd {#- x -#} e",
    "{{ 'a' }}\n{{ 'b' }}\n",
    "{{- ' a ' -}}\n\n{{- 'b' }}",
    "x  {{- 'a' -}}  y",
    "{% raw %}{{ x }}{% if %}{% endraw %}",
    "a\n {% raw %}\n {{ x }} \n {% endraw %}\n b",
    "a {%- raw -%} {{ x }} {%- endraw -%} b",
    "\n{% set x = 1 %}\n\n{{ x }}\n\n",
    "a\r\nb\rc\n{% if true %}\r\nd{% endif %}",
    "{%+ if true %}a{%+ endif %}\n  {%+ if true +%}\nb{% endif %}",
    "{ {% if true %}{{% endif %}{ } {{ '{{' }} {{ '}}' }}",
    "{ {{- 1 -}} }",
    "a\u00a0 {%- if true %}b{% endif %}\u2003{% if true %} c{% endif %}",
    "\u00a0 {% if true %}x{% endif %}",
    "{% if true %}a{% endif %}\n\n\n{% if true %}b{% endif %}\n",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {}} }}",
    "{{ '}}' ~ '%}' }}",
    "{{ \"a\nb\" }}",
    "{%\nif\ntrue\n%}a{%endif%}",
    "{{1}}{{ 1}}{{1 }}",
    "{{ }}",
    "{% if %}a{% endif %}",
    "{% if true %}a",
    "{% endif %}",
    "{{ 'a",
    "{# a",
    "{% unknown %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% do 1 %}",
    "{% trans %}a{% endtrans %}",
    "{{ 1 2 }}",
    "{{ a b }}",
    "{{ (1 }}",
    "{% for i in %}{% endfor %}",
    "{% set x %}",
    "{{ 1, 2 }}",
    "{{ [1, 2,] }}{{ {'a': 1,} }}{{ (1, 2,) }}",
    "{{ messages[0]['role'] + ': ' + messages[0]['content'] | trim + '!' }}",
    "{{ '<|im_start|>' + messages[0].role + '\\n' + messages[0].content + '<|im_end|>' + '\\n' }}",
    "{% for m in messages %}{{ m.role | capitalize }}: {{ m.content | trim }}\n{% endfor %}",
    "{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] %}{% set rest = messages[1:] %}{% endif %}{{ s }}{{ rest|length }}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}odd{% else %}even{% endif %},{% endfor %}",
    "{{ messages[1].content.strip().split(',')[0].upper() }}",
    "{{ messages[2].content.split('<b>')[-1].lstrip('&') }}",
    "{%- for m in messages %}\n    {%- if m.role == 'user' %}\n        {{- 'U:' + m.content.strip() }}\n    {%- endif %}\n{%- endfor %}\n",
    "{{ strftime_now('%Y')|length }}",
    "{{ range(3)|list + [9] }}",
    "{% set l = [] %}{% set _ = l.append(1) %}{{ l }}",
    "{{ namespace(x=1) }}",
    "{{ [1,2,3]|select('odd') is iterable }}",
    "{{ ([1,2,3]|select('odd'))|length }}",
    "{{ [[1, 2], [3]]|sum(start=[]) }}",
    "{{ messages|map(attribute='content')|map('trim')|map('length')|list }}",
    "{% autoescape true %}{{ '<b>' }}{% endautoescape %}",
    "{% block a %}x{% endblock %}",
    "{{ self }}",
    "{{ 'a' if messages else 'b' }}{{ 'a' if not messages }}",
    "{{ messages[0].content[:2] ~ messages[0]['content'][-2:] }}",
    "{% set x = messages[0] %}{{ x.role is defined and x.role == 'system' }}",
    "{{ joiner }}",
    "{{ ('a', 'b') is sequence }}{{ ('a', 'b')|join }}{{ ('a', 'b')[0] }}",
    "{{ {'a': none}.a is none }}{{ {'a': none}.get('a', 1) }}",
    "{{ 'True' == True ~ '' }}{{ None }}{{ False }}",
]

# Jinja2 renders them; here they end with an error, never with another text.
REFUSED = {
    "{{ 'abc'.encode() }}",
    "{{ 'abc'.upper }}",
    "{{ [1, 2].index }}",
    "{{ {'items': 5}.items }}",
    "{{ '٣'|int }}",
    "{{ 1234|round(-2) }}",
    "{% set m = [1, 2]|map('string') %}{{ m|join }}{{ m|join }}",
    "{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ kwargs }}{% endmacro %}{{ m(1, b=2) }}",
    "{{ 1, 2 }}",
    "{% autoescape true %}{{ '<b>' }}{% endautoescape %}",
    "{% block a %}x{% endblock %}",
    "{{ self }}",
    "{{ joiner }}",
}


def expressions():
    for group in EXPRESSIONS.values():
        for line in group.strip().splitlines():
            for part in split_alternatives(line):
                yield "{{ " + part + " }}"


def split_alternatives(line):
    """Expressions stand between ` | `, filters have no spaces around their bar."""
    return [part.strip() for part in line.strip().split(" | ") if part.strip()]


def render(template):
    try:
        texts, _ = render_jinja_template(
            conversations=[[dict(message) for message in MESSAGES]],
            tools=None,
            documents=None,
            chat_template=template,
            add_generation_prompt=False,
            bos_token="<s>",
            eos_token="</s>",
        )
        return texts[0]
    except Exception:  # noqa: BLE001 - any failure counts as one
        return None


def main():
    templates = list(dict.fromkeys([*expressions(), *TEMPLATES]))
    rows = []
    for template in templates:
        row = {"template": template, "text": render(template)}
        if template in REFUSED:
            # Some of these are addresses, which differ each time.
            row = {"template": template, "text": None}
        rows.append(row)
    path = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "jinja_values.json"
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    messages = json.dumps(MESSAGES, ensure_ascii=False)
    path.write_text(f'{{"messages": {messages},\n"rows": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(rows)} templates, {sum(row['text'] is None for row in rows)} refused by Jinja2")


if __name__ == "__main__":
    sys.exit(main())
