// namespace(...): the one thing that an inner scope can change.
import { mappingText } from "./print.js";
import { type Key, Structure, type Value } from "./values.js";

export class Namespace extends Structure {
  readonly kind = "Namespace";
  readonly values: Map<Key, Value>;

  constructor(values: Map<Key, Value>) {
    super();
    this.values = values;
  }

  attribute(name: string): Value | undefined {
    return this.values.get(name);
  }

  override print(): string {
    return `<Namespace ${mappingText(this.values)}>`;
  }
}
