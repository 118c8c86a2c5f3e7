// The reward curve as a picture: mean training reward of each step, and the held-out reward where it was measured.

/** @param rows metrics by step, oldest first */
export function rewardSvg(rows) {
  const [width, height, left, bottom, top, right] = [720, 400, 56, 44, 24, 150];
  const last = Math.max(1, rows.at(-1)?.step ?? 1);
  const x = (step) => left + (step / last) * (width - left - right);
  const y = (reward) => top + (1 - reward) * (height - top - bottom);
  const points = (name) =>
    rows.filter((row) => row[name] !== undefined).map((row) => [x(row.step), y(row[name])]);
  const line = (name) =>
    points(name)
      .map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`)
      .join(" ");
  const dots = (name, color) =>
    points(name)
      .map(([px, py]) => `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="3" fill="${color}"/>`)
      .join("");
  const series = [
    ["reward/mean", "training", "#9aa7b8", 1.5],
    ["eval/reward/sampled", "held-out, sampled", "#1f6feb", 2.5],
    ["eval/reward/greedy", "held-out, greedy", "#d1242f", 2.5],
  ];
  const grid = [0, 0.25, 0.5, 0.75, 1]
    .map(
      (reward) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(reward)}" y2="${y(reward)}" stroke="#e3e6ea"/>` +
        `<text x="${left - 8}" y="${y(reward) + 4}" text-anchor="end">${reward}</text>`,
    )
    .join("");
  const ticks = [0, 0.25, 0.5, 0.75, 1]
    .map((share) => Math.round(share * last))
    .map((step) => `<text x="${x(step)}" y="${height - bottom + 18}" text-anchor="middle">${step}</text>`)
    .join("");
  const curves = series
    .map(
      ([name, label, color, thickness], i) =>
        `<polyline points="${line(name)}" fill="none" stroke="${color}" stroke-width="${thickness}" stroke-linejoin="round"/>` +
        (thickness > 2 ? dots(name, color) : "") +
        `<line x1="${width - right + 12}" x2="${width - right + 32}" y1="${top + 12 + i * 20}" y2="${top + 12 + i * 20}" stroke="${color}" stroke-width="${thickness}"/>` +
        `<text x="${width - right + 38}" y="${top + 16 + i * 20}">${label}</text>`,
    )
    .join("");
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#24292f">` +
    `<rect width="${width}" height="${height}" fill="#ffffff"/>${grid}${ticks}` +
    `<text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle">step</text>` +
    `<text x="16" y="${(top + height - bottom) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(top + height - bottom) / 2})">reward</text>` +
    `${curves}</svg>\n`
  );
}
