// What may be in the package, what must be, and how large it may grow.

// Megabytes. A new kind of file is a decision: the bounds are half above what there is.
const kMostPacked = 2;
const kMostUnpacked = 6;
const kMostAddon = 2;

const kAllowed = [
  /^dist\/[\w/-]+\.(js|d\.ts)$/,
  /^prebuilds\/linux-x64\/agentlightning\.glibc\.node$/,
  /^(native|bindings)\/[\w./-]+\.(cpp|cu|cuh|h|inc)$/,
  /^native\/model\/README\.md$/,
  /^scripts\/(command|native-build|options|progress|toolchain)\.mjs$/,
  /^docs\/[\w-]+\.(md|svg)$/,
  /^docs\/deploy\/(agl-store\.service|Caddyfile|Dockerfile|nginx\.conf)$/,
  /^examples\/(quickstart\/)?[\w-]+\.(js|mjs|ts|py)$/,
  /^(CMakeLists\.txt|package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/,
];
export const neededFiles = [
  "CHANGELOG.md",
  "CMakeLists.txt",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "bindings/addon.cpp",
  "dist/cli/main.js",
  "dist/index.d.ts",
  "dist/index.js",
  "dist/testing.js",
  "dist/register.js",
  "docs/agents.md",
  "examples/quickstart/main.js",
  "examples/quickstart/starting-policy.js",
  "native/engine.h",
  "prebuilds/linux-x64/agentlightning.glibc.node",
  "scripts/native-build.mjs",
];

/**
 * @param packed  what `npm pack --json` says: { size, unpackedSize, files: [{ path, size }] }, bytes
 * @returns sentences that say what is wrong
 */
export function checkContents({ size, unpackedSize, files }) {
  const paths = new Set(files.map(({ path }) => path));
  const addon = files.find(({ path }) => path.endsWith(".node"));
  return [
    ...[...paths]
      .filter((path) => !kAllowed.some((pattern) => pattern.test(path)))
      .map((path) => `${path} is of no kind that runs`),
    ...neededFiles.filter((path) => !paths.has(path)).map((path) => `${path} is missing`),
    ...overBound("the tarball", size, kMostPacked),
    ...overBound("the package", unpackedSize, kMostUnpacked),
    ...overBound("the prebuilt addon", addon?.size ?? 0, kMostAddon),
  ];
}

// --- internal ---

function overBound(what, bytes, megabytes) {
  return bytes <= megabytes * 1e6
    ? []
    : [`${what} takes ${(bytes / 1e6).toFixed(1)} MB, more than ${megabytes}`];
}
