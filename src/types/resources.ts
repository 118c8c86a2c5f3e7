// Versioned, named things that algorithms change and agents read.

export type Resource =
  | {
      readonly resourceType: "llm" | "proxy_llm";
      readonly endpoint: string;
      readonly model: string;
      readonly apiKey: string | null;
      readonly samplingParameters: Readonly<Record<string, unknown>>;
    }
  | {
      readonly resourceType: "prompt_template";
      readonly template: string;
      readonly engine: "jinja" | "f-string" | "poml";
    };

export type Resources = Readonly<Record<string, Resource>>;

export interface ResourcesUpdate {
  readonly resourcesId: string;
  /** From 1. */
  readonly version: number;
  readonly createTime: number;
  readonly updateTime: number;
  readonly resources: Resources;
}
