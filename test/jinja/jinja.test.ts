import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/base/json-text.js";
import { compileJinja, RaisedError } from "../../src/jinja/jinja.js";
import { SpelledJson } from "../../src/jinja/values.js";
import { thrownBy } from "../policy/fixture-models.js";

const json = '{"b":1.0,"a":[1,true,null,"é\\n"],"e":{},"l":[]}';
const render = (source: string) => compileJinja(source).render({ x: new SpelledJson(parseJson(json)!) });

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
