import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/base/json-text.js";
import { compileJinja, RaisedError } from "../../src/jinja/jinja.js";
import { SpelledJson } from "../../src/jinja/values.js";
import { thrownBy } from "../policy/fixture-models.js";

// What is expected was printed by Python's jinja2 3.1.6, set up as transformers sets it up.
const json = '{"b":1.0,"a":[1,true,null,"é\\n"],"e":{},"l":[]}';
const render = (source: string) => compileJinja(source).render({ x: new SpelledJson(parseJson(json)!) });

describe("a template renders as in Python where", () => {
  const cases: [what: string, source: string, expected: string][] = [
    ["it prints JSON", "{{ x | tojson }}", '{"b": 1.0, "a": [1, true, null, "é\\n"], "e": {}, "l": []}'],
    [
      "it prints indented JSON",
      "{{ x|tojson(indent=2) }}",
      '{\n  "b": 1.0,\n  "a": [\n    1,\n    true,\n    null,\n    "é\\n"\n  ],\n  "e": {},\n  "l": []\n}',
    ],
    [
      "it prints ASCII JSON",
      "{{ x|tojson(true) }}",
      '{"b": 1.0, "a": [1, true, null, "\\u00e9\\n"], "e": {}, "l": []}',
    ],
    [
      "it prints dense, sorted JSON",
      "{{ x|tojson(sort_keys=true, separators=(',',':')) }}",
      '{"a":[1,true,null,"é\\n"],"b":1.0,"e":{},"l":[]}',
    ],
    [
      "it styles JSON by place",
      "{{ x.a|tojson(false, 1, none, true) }}",
      '[\n 1,\n true,\n null,\n "é\\n"\n]',
    ],
    [
      "a loop sets a variable in one turn",
      "{% for i in [1,2,3] %}{% if i == 2 %}{% set y = i %}{% endif %}{{ y is defined }}{% endfor %}",
      "FalseTrueFalse",
    ],
    [
      "a loop hides a variable",
      "{% set y = 7 %}{% for i in [1,2] %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}",
      "71727",
    ],
    [
      "a loop sets its own variable",
      "{% for k, v in [[1,2],[3,4]] %}{{ v }}{% set v = k %}{{ v }}{% endfor %}",
      "2143",
    ],
    [
      "an inner loop sets a variable",
      "{% for i in [1,2] %}{% set z = i %}{% for j in [1] %}{% set z = 9 %}{% endfor %}{{ z }}{% endfor %}",
      "12",
    ],
    [
      "it compares lists and mappings",
      "{{ [1,{'a':true}] == [1.0,{'a':1}] }} {{ [1] != [1] }} {{ [1] == [1,2] }} {{ {'a':1} == {'b':1} }} {{ {'a':1} == {'a':1,'b':2} }}",
      "True False False False False",
    ],
    [
      "it compares values of different kinds",
      "{{ '1' == 1 }} {{ u == none }} {{ none == none }} {{ u == u }} {{ true == 1 }} {{ '' == 0 }} {{ 'a' != 'a' }}",
      "False False True True True False False",
    ],
    [
      "it prints what is no text",
      "{{ true }}{{ none }}{{ u }}{{ 1.0 }}{{ not true }}{{ 1 if false }}{{ none ~ true }}{{ false | string }}{{ 3 }}",
      "TrueNone1.0FalseNoneTrueFalse3",
    ],
    [
      "it prints in blocks",
      "{% if u %}{% else %}{{ none }}{% endif %}{% set b %}{{ true }}{% endset %}{{ b }}",
      "NoneTrue",
    ],
    [
      "it strips given characters",
      "{{ 'xyaxx'.strip('xy') }}|{{ ' \\n a'.lstrip('\\n') }}|{{ ' a\\n '.rstrip('\\n ') }}|{{ 'xax'|trim(chars='x') }}",
      "a| \n a| a|a",
    ],
    [
      "it strips white space",
      "{{ ' a '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ ' a '|trim }}|{{ ' '.strip() }}|",
      "a|a | a|a||",
    ],
    [
      "a macro looks for further arguments",
      "{% macro m() %}{{ kwargs | tojson }}{{ varargs | tojson }}{% endmacro %}{{ m(1, a=2.0) }}",
      '{"a": 2.0}[1]',
    ],
    [
      "blocks stand on lines of their own",
      "{% if true %}  {% set q = 1 %}\n{% endif %}\n{{ q }}\n  {% for i in range(2) %}\n{{ i }}{{ loop.last }}\n  {% endfor %}\nend",
      "  1\n0False\n1True\nend",
    ],
    [
      "it skips and ends turns",
      "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% elif i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
      "02",
    ],
    ["it counts", "{{ range(1,4)|list|tojson }}{{ range(5,0,-2)|list|tojson }}", "[1, 2, 3][5, 3, 1]"],
  ];
  for (const [what, source, expected] of cases) {
    it(what, () => expect(render(source)).toBe(expected));
  }
});

describe("a template", () => {
  it("renders the same twice", () => {
    const template = compileJinja(
      "{% for i in range(3) %}{% if i %}{% set y = i %}{% endif %}{{ y }}{% endfor %}{{ a }}",
    );
    expect([template.render({ a: 1 }), template.render({ a: 2 })]).toEqual(["121", "122"]);
  });

  it("raises what it says with raise_exception, and nothing else as that", () => {
    const raised = thrownBy(() => render("{{ raise_exception('no ' ~ 1) }}"));
    expect(raised).toBeInstanceOf(RaisedError);
    expect(raised.message).toBe("no 1");
    expect(thrownBy(() => render("{{ u.strip() }}"))).not.toBeInstanceOf(RaisedError);
    expect(thrownBy(() => render("{{ x | no_such_filter }}"))).not.toBeInstanceOf(RaisedError);
  });

  it("that is not Jinja is refused when compiled", () => {
    for (const source of ["{% if %}", "{{ a", "{% for x in %}{% endfor %}"])
      thrownBy(() => compileJinja(source));
  });

  it("sees variables instead of the built-in functions of their names", () => {
    const template = compileJinja("{{ strftime_now('%Y') }}");
    expect(template.render({ strftime_now: (format: string) => `the ${format}` })).toBe("the %Y");
  });
});
