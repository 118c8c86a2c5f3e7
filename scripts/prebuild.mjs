// npm run prebuild:addon: the addon without CUDA into prebuilds/linux-x64/, where node-gyp-build finds it.
//   --cuda   instead: the CUDA library for every card, as the package @agentlightning/cuda-linux-x64 in prebuilds/cuda-linux-x64/
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { addonCommand } from "./addon-command.mjs";
import { giveUp, installed, root, runLoudly, runQuietly } from "./command.mjs";
import { readOptions } from "./options.mjs";
import { runWithProgress } from "./progress.mjs";
import { checkToolchain } from "./toolchain.mjs";

const values = readOptions("npm run prebuild:addon [-- --cuda]", {
  cuda: { type: "boolean", default: false },
});
// The cards that the CUDA library has machine code for; newer ones translate the last two.
const kCards = ["80", "86", "89", "90a", "100", "120"].map((card) => `${card}-real`);
const kGlibcMinor = 34;
// About 6 MB of host code and one card's, 3 MB for each card more.
const kMostCudaBytes = 48e6;
const kArchitectures = [...kCards, "80-virtual", "120-virtual"];

const { glibcVersionRuntime } = process.report.getReport().header;
if (process.platform !== "linux" || process.arch !== "x64" || glibcVersionRuntime === undefined)
  giveUp(`prebuild: expected Linux on x64 with glibc, got ${process.platform}-${process.arch}`);
const generator = checkToolchain();
await (values.cuda ? prebuildCuda() : prebuildAddon());

// --- internal ---

async function prebuildAddon() {
  const folder = join(root, "prebuilds", "linux-x64");
  rmSync(folder, { recursive: true, force: true });
  const shim = join(root, "scripts", "cmake-js-as-node-gyp.mjs");
  const options = ["--napi", "--strip", "--tag-libc", "-t", process.versions.node, "--node-gyp", shim];
  // The build within it says how far it is.
  const quiet = { stdio: ["ignore", "ignore", "inherit"] };
  const status = runLoudly(process.execPath, [installed("prebuildify/bin.js"), ...options], quiet);
  if (status !== 0) process.exit(status);
  // It copies every shared library of build/Release, and moves the addon out of it.
  for (const name of readdirSync(folder)) if (!name.endsWith(".node")) rmSync(join(folder, name));
  await runWithProgress("the native addon", ...addonCommand("OFF"));
  for (const name of readdirSync(folder)) tell(join(folder, name));
}

async function prebuildCuda() {
  const build = join(root, "build", "cuda-package");
  const folder = join(root, "prebuilds", "cuda-linux-x64");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const defines = [
    ...["-DAGL_CUDA=ON", `-DAGL_CUDA_ARCHS=${kArchitectures.join(";")}`, "-DAGL_TESTS=OFF"],
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${folder}`,
  ];
  runQuietly("cmake", ["-S", root, "-B", build, "-G", generator, ...defines]);
  const jobs = ["--target", "agentlightning_cuda", "--parallel", `${availableParallelism()}`];
  await runWithProgress("the CUDA library", "cmake", ["--build", build, ...jobs]);
  const library = join(folder, "libagentlightning_cuda.so");
  runQuietly("strip", ["--strip-unneeded", library]);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(cudaPackage(), null, 2)}\n`);
  writeFileSync(
    join(folder, "README.md"),
    "# @agentlightning/cuda-linux-x64\n\nThe CUDA library of the package agentlightning of the same version, which finds it by itself.\n",
  );
  tell(library);
  if (statSync(library).size > kMostCudaBytes)
    giveUp(
      `prebuild: expected a CUDA library of at most ${kMostCudaBytes / 1e6} MB; raise the bound if it is worth it`,
    );
}

function cudaPackage() {
  const { version, license, repository, homepage, bugs, engines } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  return {
    name: "@agentlightning/cuda-linux-x64",
    version,
    description: "The CUDA library of agentlightning, for NVIDIA GPUs of compute capability 8.0 and newer",
    ...{ license, repository, homepage, bugs, engines },
    ...{ os: ["linux"], cpu: ["x64"], libc: ["glibc"] },
    main: "libagentlightning_cuda.so",
  };
}

/** Says how large it is and which glibc it needs: what is published must not need a newer one than we say. */
function tell(path) {
  const size = (statSync(path).size / 1e6).toFixed(1);
  const [needed] = [...readFileSync(path, "latin1").matchAll(/GLIBC_2\.(\d+)/g)]
    .map(([, minor]) => Number(minor))
    .sort((a, b) => b - a);
  process.stderr.write(`prebuild: ${path}, ${size} MB, glibc 2.${needed} or newer\n`);
  if (process.env.npm_command === "publish" && needed > kGlibcMinor)
    giveUp(
      `prebuild: expected glibc 2.${kGlibcMinor} to be enough for what is published; build on an older system`,
    );
}
