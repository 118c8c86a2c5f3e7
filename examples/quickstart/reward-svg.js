// The reward curve as a picture: the mean training reward of each step and the held-out rewards where they were measured, each with the band
// of its 95 % interval.

const frame = { width: 760, height: 400, left: 56, bottom: 48, top: 56, right: 168 };
const right = frame.width - frame.right;
const floor = frame.height - frame.bottom;

/**
 * @typedef {{ step: number, reward: number, ci95?: number }} Point  step: how many steps were taken when it was measured
 * @param {{ title: string, subtitle: string, training: Point[], sampled: Point[], greedy: Point[] }} curve
 * @returns the picture, as SVG
 */
export function rewardSvg({ title, subtitle, training, sampled, greedy }) {
  const last = Math.max(1, ...[training, sampled, greedy].flat().map(({ step }) => step));
  const x = (step) => place(frame.left + (step / last) * (right - frame.left));
  const series = [
    { points: training, label: "training, sampled", color: "#7d8896", thickness: 1.5, dotted: false },
    { points: sampled, label: "held-out, sampled", color: "#1f6feb", thickness: 2.5, dotted: true },
    { points: greedy, label: "held-out, greedy", color: "#d1242f", thickness: 2.5, dotted: true },
  ];
  const middle = place((frame.top + floor) / 2);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${frame.height}" font-family="system-ui, sans-serif" font-size="12" fill="#24292f">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${frame.width}" height="${frame.height}" fill="#ffffff"/>`,
    text(frame.left, 24, title, 'font-size="16" font-weight="600"'),
    text(frame.left, 42, subtitle, 'fill="#57606a"'),
    ...[0, 0.25, 0.5, 0.75, 1].map((reward) => gridLine(reward)),
    ...evenTicks(last).map((step) => tick(x(step), step)),
    ...series.map(({ points, color }) => band(points, color, x)),
    ...series.map((one) => line(one, x)),
    ...series.map(({ label, color, thickness }, i) =>
      legend(label, color, thickness, frame.top + 12 + i * 20),
    ),
    text(place((frame.left + right) / 2), frame.height - 10, "training steps", 'text-anchor="middle"'),
    text(16, middle, "reward", `text-anchor="middle" transform="rotate(-90 16 ${middle})"`),
    text(right + 12, frame.top + 84, "bands: 95 % intervals", 'fill="#57606a"'),
    "</svg>\n",
  ].join("");
}

/** From 0, at most nine of them, 1, 2 or 5 times a power of ten apart. */
export function evenTicks(last) {
  let apart = 1;
  for (let i = 0; last / apart > 8; i++) apart *= i % 3 === 1 ? 2.5 : 2;
  return Array.from({ length: Math.floor(last / apart) + 1 }, (_, i) => i * apart);
}

const place = (value) => Number(value.toFixed(1));
const y = (reward) => place(frame.top + (1 - Math.min(1, Math.max(0, reward))) * (floor - frame.top));
const escaped = (words) => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (px, py, words, how) => `<text x="${px}" y="${py}" ${how}>${escaped(words)}</text>`;

function gridLine(reward) {
  return (
    `<line x1="${frame.left}" x2="${right}" y1="${y(reward)}" y2="${y(reward)}" stroke="#e3e6ea"/>` +
    text(frame.left - 8, y(reward) + 4, String(reward), 'text-anchor="end"')
  );
}

function tick(px, step) {
  return (
    `<line x1="${px}" x2="${px}" y1="${floor}" y2="${floor + 4}" stroke="#8c959f"/>` +
    text(px, floor + 18, String(step), 'text-anchor="middle"')
  );
}

function band(points, color, x) {
  const known = points.filter(({ ci95 }) => ci95 !== undefined);
  if (known.length < 2) return "";
  const edge = (sign) => known.map(({ step, reward, ci95 }) => `${x(step)},${y(reward + sign * ci95)}`);
  return `<polygon points="${[...edge(1), ...edge(-1).reverse()].join(" ")}" fill="${color}" fill-opacity="0.15"/>`;
}

function line({ points, color, thickness, dotted }, x) {
  const path = points.map(({ step, reward }) => `${x(step)},${y(reward)}`).join(" ");
  const dot = ({ step, reward }) => `<circle cx="${x(step)}" cy="${y(reward)}" r="3" fill="${color}"/>`;
  return (
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="${thickness}" stroke-linejoin="round"/>` +
    (dotted || points.length === 1 ? points.map(dot).join("") : "")
  );
}

function legend(label, color, thickness, py) {
  return (
    `<line x1="${right + 12}" x2="${right + 32}" y1="${py}" y2="${py}" stroke="${color}" stroke-width="${thickness}"/>` +
    text(right + 38, py + 4, label, "")
  );
}
