#!/usr/bin/env python3
"""Writes src/template/testdata/golden.json: what Jinja makes of the chat templates beside it, and of small programs.

usage: scripts/generate_template_golden.py [--check]   (Debian: python3-jinja2)

--check compares with the file instead: exit 1 if it differs, 77 if there is no Jinja.

The environment is that of Hugging Face's transformers. Each case is a template (a file's name, or a text), the names it
sees, and what it writes, or false where it refuses.
"""
import datetime
import json
import pathlib
import sys

try:
    import jinja2
    import jinja2.ext
    import jinja2.sandbox
except ModuleNotFoundError:
    print("python3-jinja2 is not installed", file=sys.stderr)
    sys.exit(77)

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src/template/testdata"
NOW = datetime.datetime(2025, 3, 9, 12, 0, 0)


class Generation(jinja2.ext.Extension):
    """{% generation %}: transformers marks with it what training looks at; the text is as without."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.ScopedEvalContextModifier([], body).set_lineno(line)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation])

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: NOW.strftime(form)
    return env


TOOLS = [
    {"type": "function", "function": {
        "name": "weather", "description": "Gives the weather of a place – \"now\" & <here>.",
        "parameters": {"type": "object", "properties": {
            "place": {"type": "string", "description": "A town, e.g. Zürich"},
            "days": {"type": "array", "items": {"type": "integer"}},
            "unit": {"type": ["string", "null"], "enum": ["C", "F", None]}}, "required": ["place"]}}},
    {"type": "function", "function": {
        "name": "add", "description": "Adds.", "parameters": {
            "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number", "default": 1.5}},
            "required": ["a", "b"]}}},
]
U, A, S, R = (lambda t: {"role": "user", "content": t}), (lambda t: {"role": "assistant", "content": t}), \
    (lambda t: {"role": "system", "content": t}), (lambda t: {"role": "tool", "content": t})
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"type": "function", "function": {"name": "weather", "arguments": {"place": "Köln", "days": [1, 2]}}}]}
THOUGHT = "<think>\nIs it so?\nIt is.\n</think>\n\nYes."
CONVERSATIONS = {
    "one": dict(messages=[U("Hello")]),
    "spaces": dict(messages=[U("  two\n lines \n\n"), A(" yes \n"), U("\tand?")]),
    "several": dict(messages=[U("Hi"), A("Hello."), U("Who?"), A("Me."), U("Bye — 再见 😀")]),
    "system": dict(messages=[S("Be brief. "), U("Hi")]),
    "system, several": dict(messages=[S("Be\nbrief."), U("Hi"), A("Hello."), U("{{ x }} {% if %} <|im_end|></s>")]),
    "no prompt": dict(messages=[U("Hi"), A("Hello.")], add_generation_prompt=False),
    "thinking": dict(messages=[U("Is it?"), A(THOUGHT), U("Sure?")]),
    "thinking last": dict(messages=[U("Is it?"), A(THOUGHT)], add_generation_prompt=False),
    "thinking off": dict(messages=[U("Is it?")], enable_thinking=False, thinking=False),
    "thinking on": dict(messages=[S("x"), U("Is it?")], enable_thinking=True, thinking=True),
    "tools": dict(messages=[U("Weather?")], tools=TOOLS),
    "tools, system": dict(messages=[S("Help."), U("Weather?"), CALL, R("{\"C\": 20}"), R("21"), A("20 °C."), U("Thanks")], tools=TOOLS),
    "wrong order": dict(messages=[A("Hello."), A("Hello?"), U("Hi")]),
    "empty": dict(messages=[U("")]),
    "date": dict(messages=[U("Hi")], date_string="1 Apr 2025"),
}

# Programs for what templates use of the language; each writes something or is refused.
PROGRAMS = r"""
{{ 1 }} {{ 1.0 }} {{ 1e20 }} {{ 1.5e-7 }} {{ -3 // 2 }} {{ -3 % 2 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 1_000 }} {{ 3.0 * 2 }}
{{ 'a' 'b' }} {{ 'a' ~ 1 ~ none ~ true ~ 2.5 }} {{ "it's" }} {{ 'say "x"' }} {{ '\x41\u00e9\n\t\\' }} {{ 'a\qb' }}
{{ [1, 'a', none, true, 1.5, [], {}, (1,), (1, 2), {'k': "it's", 'l': 'q"'}] }}
{{ x }}|{{ x is defined }}|{{ x | default('d') }}|{{ '' | default('d') }}|{{ '' | default('d', true) }}|{{ none | default('d') }}
{{ 'yes' if x else 'no' }} {{ 'a' if false }} {{ 1 if true else 2 if true else 3 }} {{ not true and false or true }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'abc' }} {{ 'x' not in ['x'] }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'k' in {'k': 1} }}
{{ [1, 2, 3, 4, 5][1:-1] }} {{ [1, 2, 3][::-1] }} {{ 'héllo'[::-1] }} {{ 'héllo'[1:3] }} {{ 'abc'[-1] }} {{ 'abc'[5:] }} {{ [1, 2, 3, 4][::2] }} {{ [1,2,3][-2:] }}
{{ 'héllo' | length }} {{ [1, 2] | count }} {{ {'a': 1} | length }} {{ x | length }}
{{ ' a b ' | trim }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'a\n\n'.rstrip('\n') }}|{{ ' a '.strip() }}|
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a b c'.rsplit(' ', 1) }} {{ ' a b  c '.split(none, 1) }} {{ 'a\nb\r\nc'.splitlines() }}
{{ 'abc'.upper() }} {{ 'ABC' | lower }} {{ 'hello wORLD' | title }} {{ 'hello wORLD' | capitalize }} {{ "they're bill's" | title }} {{ "they're".title() }}
{{ 'aXbXc'.replace('X', '-') }} {{ 'aXbXc'.replace('X', '-', 1) }} {{ 'abc' | replace('b', 'B') }} {{ 'ab'.replace('', '-') }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.find('c') }} {{ 'abc'.find('x') }} {{ 'abcabc'.rfind('b') }} {{ 'aaa'.count('a') }}
{{ ['a', 'b'] | join(', ') }} {{ ', '.join(['a', 'b']) }} {{ [1, 2] | join }} {{ [{'n': 1}, {'n': 2}] | join('-', attribute='n') }}
{{ [3, 1, 2] | sort }} {{ ['b', 'A', 'c'] | sort }} {{ [3, 1, 2] | sort(reverse=true) }} {{ [{'n': 2}, {'n': 1}] | sort(attribute='n') }} {{ ['b', 'B', 'a'] | unique | list }}
{{ [1, 2, 3] | sum }} {{ [1, 2, 3] | max }} {{ ['b', 'A'] | min }} {{ [1, 2, 3] | first }} {{ 'abc' | last }} {{ [1, 2, 3] | reverse | list }} {{ 'abc' | reverse }}
{{ [{'a': 1}, {'a': 2}, {}] | map(attribute='a') | list }} {{ ['a', 'b'] | map('upper') | list }} {{ [{'a': 1}, {}] | map(attribute='a', default=0) | list }}
{{ [1, 2, 3, 4] | select('even') | list }} {{ [1, 2, 3] | reject('gt', 2) | list }} {{ [{'r': 'u'}, {'r': 's'}] | selectattr('r', 'equalto', 'u') | list }} {{ [{'r': 1}, {}] | selectattr('r') | list }} {{ [{'r': 1}, {'r': 0}] | rejectattr('r') | list }} {{ [{'r': 1}, {}] | selectattr('r', 'defined') | list }}
{{ '3' | int + 1 }} {{ 'x' | int }} {{ 3.9 | int }} {{ '2.5' | float }} {{ 2.567 | round(1) }} {{ 2.5 | round }} {{ 3 | string ~ '!' }} {{ -3 | abs }} {{ 'x' | int(7) }}
{{ {'b': 1, 'a': [1, {'x': none}]} | tojson }} {{ 'é"\n<&\u2028' | tojson }} {{ [1, 2.0, true, none] | tojson(indent=2) }} {{ {'b': 1, 'a': {}} | tojson(sort_keys=true) }} {{ {'a': [], 'b': [1]} | tojson(indent=1) }} {{ [1,2] | tojson(separators=(',', ':')) }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %} {% for k in {'a': 1} %}{{ k }}{% endfor %} {{ {'a': 1}.keys() | list }} {{ {'a': 1}.values() | list }} {{ {'a': 1}.get('b', 5) }} {{ {'a': 1}.get('z') }} {{ {'b': 2, 'a': 1} | dictsort }} {{ {'a': 1} | items | list }}
{% for i in range(3) %}{{ loop.index }}/{{ loop.length }}{{ ' first' if loop.first }}{{ ' last' if loop.last }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.cycle('x', 'y') }},{% endfor %} {{ range(2, 8, 3) | list }} {{ range(5, 0, -2) | list }}
{% for i in [] %}x{% else %}none{% endfor %} {% for i in [1, 2, 3, 4] if i % 2 == 0 %}{{ loop.index }}:{{ i }} {% endfor %} {% for i in x %}{{ i }}{% else %}undefined{% endfor %}
{% for i in [1, 2, 3, 4, 5] %}{% if i == 2 %}{% continue %}{% elif i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %} {% for i in [1, 2] %}{{ loop.previtem }}-{{ loop.nextitem }};{% endfor %} {% for a in [1,1,2] %}{{ loop.changed(a) }}{% endfor %}
{% set a = 1 %}{% for i in [1, 2] %}{% set a = a + i %}{{ a }} {% endfor %}{{ a }} {% if true %}{% set a = 9 %}{% endif %}{{ a }}
{% set ns = namespace(n=0, l=[]) %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.n }} {{ ns.l }} {{ ns.none }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set (c, d) = (3, 4) %}{{ c }}{{ d }} {% for a, b in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %} {% for (a, b) in [[5, 6]] %}{{ a * b }}{% endfor %}
{% set t %}block {{ 1 + 1 }}{% endset %}[{{ t }}] {% set u | upper | trim %} up {% endset %}[{{ u }}] {% filter upper %}low {{ 'x' }}{% endfilter %}
{% macro m(a, b=2, c='x') %}({{ a }},{{ b }},{{ c }}){% endmacro %}{{ m(1) }} {{ m(1, c=3) }} {{ m(b=5, a=4) }} {{ m() }} {% set f = m(1) %}{{ f | length }}
{% macro tree(n) %}{{ n }}{% if n > 0 %} {{ tree(n - 1) }}{% endif %}{% endmacro %}{{ tree(4) }}
{% macro box(t) %}[{{ t }}: {{ caller() }}]{% endmacro %}{% call box('a') %}in{{ 1 }}{% endcall %} {% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) each([1, 2]) %}<{{ i }}>{% endcall %}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }} {# a comment {{ x }} #}after {% raw %}{{ raw }} {% if %}{% endraw %} {{ '{{' }} {{ '%}' }}
{{ 1 is number }} {{ 'a' is string }} {{ none is none }} {{ [] is iterable }} {{ {} is mapping }} {{ [] is sequence }} {{ 1 is odd }} {{ 4 is divisibleby 2 }} {{ true is boolean }} {{ 1 is integer }} {{ 1.0 is float }} {{ 'a' is in ['a'] }} {{ 2 is gt 1 }} {{ true is true }} {{ 1 is true }} {{ 'A' is upper }} {{ 3 is eq 3 }} {{ x is undefined }} {{ x is not defined }} {{ 'ab' is iterable and 'ab' is string }} {{ 1 is sameas 1 }}
{{ messages }}|{{ messages is none }}|{{ tools }}|{{ tools is none }}|{{ (x.y is defined) if (x is defined) else 'n' }}
{{ {'a': {'b': [1, {'c': 'deep'}]}}.a.b[1].c }} {{ {'items': 5}['items'] }} {{ {'a': 1}.zzz is defined }} {{ [1, 2].0 }} {{ 'abc'.zzz is defined }} {{ {'a': 1}['zzz'] is defined }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\nb' | indent(width=3) }} {{ '<a href="x">' | escape }} {{ 'a b  c' | wordcount }} {{ '%s is %d (%.2f)' | format('x', 3, 1.5) }} {{ '{} {1} {n}'.format(1, 2, n=3) if false else 'skip' }} {{ 'a%%b %s' % 'c' }}
{{ 'ab' * 3 }} {{ [1] * 2 }} {{ [1] + [2] }} {{ (1, 2) + (3,) }} {{ 'abc' | list }} {{ 'x'.join('abc') }} {{ (1, 2) == (1, 2) }} {{ [1, 2] < [1, 3] }} {{ 'a' < 'b' }}
{{ raise_exception('no') }}
{{ x.y }}
{{ x + 1 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ nothing() }}
{{ 1 / 0 }}
{{ [1, 2].append(3) }}
{% set l = [1] %}{% set _ = l.append(2) %}{{ l }}
{{ 'x' | nosuchfilter }}
{{ 1 is nosuchtest }}
{% for i in 5 %}{% endfor %}
{{ strftime_now('%d %b %Y, %Y-%m-%d %B %A') }}
""".strip("\n").split("\n")

# White space control, a case each.
SPACES = [
    "  {% if true %}\n  a\n  {% endif %}\nb\n", "a  {%- if true -%}  b  {%- endif -%}  c", "a\n{{ 1 }}\nb\n\n", "{% if true %}\n\n\na{% endif %}",
    "  {%+ if true %}x{% endif %}", "{% if true +%}\nx{% endif %}", "a {# c #}\nb", "a\n   {# c #}   \nb", "  {{ 1 }}\n  {{- 2 }}\n  {{ 3 -}}\n  4",
    "{% for i in [1, 2] %}\n  {{ i }}\n{% endfor %}\nend", "a\r\nb\rc{{ '\r\n' }}\r\n", "{%- raw -%}  x  {%- endraw -%} y", "{% raw %}\n x {{ y }}\n{% endraw %}\nz", "x\n  {% set a = 1 %}  \n  y",
    "{% if true %}a{% endif %}   \n  {% if true %}b{% endif %}\n", "\n\n{% set a = 1 %}\n\n{{ a }}", "{{ 1 }}\n\n", "{{ '}}' }}{{ {'a': {'b': 1}} }}", "<{%- if true %} a{% endif -%} >", "{#- c -#}\n x",
    "a\t\n\t{% if true %}\tb\n\t\t{% endif %}c",
]


def render(env, text, names):
    try:
        return env.from_string(text).render(**names)
    except Exception:
        return False


def main():
    env = environment()
    tokens = dict(bos_token="<s>", eos_token="</s>")
    families = {}
    for path in sorted(FOLDER.glob("*.jinja")):
        text = path.read_text()
        families[path.stem] = {
            name: render(env, text, {"tools": None, "documents": None, "add_generation_prompt": True, **tokens, **c})
            for name, c in CONVERSATIONS.items()}
    names = dict(messages=[{"role": "user", "content": "it's\n\"é\""}], tools=None, documents=None, add_generation_prompt=True)
    programs = [[text, render(env, text, names)] for text in PROGRAMS + SPACES]
    golden = dict(now=int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()), tokens=tokens, conversations=CONVERSATIONS,
                  families=families, programs=programs)
    text = json.dumps(golden, ensure_ascii=False, indent=0) + "\n"
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if (FOLDER / "golden.json").read_text() == text else "golden.json is not what Jinja writes")
    (FOLDER / "golden.json").write_text(text)
    refused = [(f, c) for f, cases in families.items() for c, text in cases.items() if text is False]
    print(len(families), "families,", sum(map(len, families.values())), "conversations,", len(programs), "programs; refused:", refused)
    print([p for p, r in programs if r is False])


main()
