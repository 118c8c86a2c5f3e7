// Counters and histograms in Prometheus' text format 0.0.4. Names as 0.3 has them, dots as underscores.

export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** One more that took so many seconds: counts NAME_total and fills the histogram NAME_SUFFIX. */
  observe(family: Family, labels: Labels, seconds: number): void;
  /** One more that is not timed: counts NAME_total. */
  count(counter: Counter, labels: Labels): void;
  /** @param gauges  values of now, by name */
  expose(gauges: Readonly<Record<string, number>>): string;
}

/** What is counted and timed. */
export type Family = keyof typeof kFamilies;
export type Counter = keyof typeof kCounters;

export function createMetrics(): Metrics {
  const series = new Map<Family, Map<string, Series>>();
  const counts = new Map<Counter, Map<string, number>>();
  const seriesOf = (family: Family, labels: Labels): Series => {
    // Not the text for Prometheus, which costs more than all the rest.
    let key = "";
    for (const name in labels) key += `${labels[name]}\n`;
    const ofFamily = series.get(family) ?? new Map<string, Series>();
    series.set(family, ofFamily);
    const known = ofFamily.get(key);
    if (known !== undefined) return known;
    const made = { labels: showLabels(labels), buckets: new Float64Array(kBuckets.length), count: 0, sum: 0 };
    ofFamily.set(key, made);
    return made;
  };
  return {
    observe(family, labels, seconds) {
      const one = seriesOf(family, labels);
      one.count++;
      one.sum += seconds;
      const bucket = kBuckets.findIndex((limit) => seconds <= limit);
      if (bucket !== -1) one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1;
    },
    count(counter, labels) {
      const ofCounter = counts.get(counter) ?? new Map<string, number>();
      counts.set(counter, ofCounter);
      const text = showLabels(labels);
      ofCounter.set(text, (ofCounter.get(text) ?? 0) + 1);
    },
    expose(gauges) {
      const lines = Object.entries(gauges).flatMap(([name, value]) => [
        `# TYPE ${name} gauge`,
        `${name} ${value}`,
      ]);
      for (const [counter, ofCounter] of counts) lines.push(...exposeCounter(counter, ofCounter));
      for (const [family, ofFamily] of series) lines.push(...exposeFamily(family, ofFamily));
      return `${lines.join("\n")}\n`;
    },
  };
}

// --- internal ---

interface Series {
  readonly labels: string;
  /** Not cumulative. */
  readonly buckets: Float64Array;
  count: number;
  sum: number;
}

const kFamilies = {
  agl_http: { histogram: "latency", help: "Requests by method, route and status" },
  agl_store: { histogram: "latency", help: "Calls of the store by method and outcome" },
  agl_rollouts: {
    histogram: "duration",
    help: "Rollouts that ended when this server was told of their attempt's end, by status and mode",
  },
} as const;

const kCounters = {
  agl_http_refused: "Requests that were refused, by reason",
} as const;

// 1 microsecond to 300 seconds.
const kBuckets = [
  1e-6, 1e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  60, 120, 300,
];

function* exposeCounter(counter: Counter, ofCounter: ReadonlyMap<string, number>): Generator<string> {
  yield `# HELP ${counter}_total ${kCounters[counter]}`;
  yield `# TYPE ${counter}_total counter`;
  for (const [labels, count] of ofCounter) yield `${counter}_total{${labels}} ${count}`;
}

function* exposeFamily(family: Family, ofFamily: ReadonlyMap<string, Series>): Generator<string> {
  const { help, histogram } = kFamilies[family];
  yield `# HELP ${family}_total ${help}`;
  yield `# TYPE ${family}_total counter`;
  for (const { labels, count } of ofFamily.values()) yield `${family}_total{${labels}} ${count}`;
  yield `# HELP ${family}_${histogram} Seconds. ${help}`;
  yield `# TYPE ${family}_${histogram} histogram`;
  for (const { labels, buckets, count, sum } of ofFamily.values()) {
    let below = 0;
    for (const [i, limit] of kBuckets.entries()) {
      below += buckets[i] ?? 0;
      yield `${family}_${histogram}_bucket{${labels},le="${limit}"} ${below}`;
    }
    yield `${family}_${histogram}_bucket{${labels},le="+Inf"} ${count}`;
    yield `${family}_${histogram}_sum{${labels}} ${sum}`;
    yield `${family}_${histogram}_count{${labels}} ${count}`;
  }
}

function showLabels(labels: Labels): string {
  let text = "";
  for (const name in labels) text += `${text === "" ? "" : ","}${name}="${quote(labels[name] ?? "")}"`;
  return text;
}

function quote(value: string): string {
  return value.replace(/[\\"\n]/g, (found) => (found === "\n" ? "\\n" : `\\${found}`));
}
