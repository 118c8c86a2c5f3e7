// Attention on a CUDA device, keys and values in bf16, forward and backward: sequences that share nothing, and the groups of a
// GRPO step, whose prompt lies in memory once and is computed once.
//   bench_cuda_attention [--list] [--commit TEXT] [--loaded true|false] [--rounds N]
// teraflops counts the pairs of queries and keys that are computed here; a peer that shares no prompt computes more of them.
#include "cuda_measure.h"

namespace agl::bench {
namespace {

constexpr const char* kProgram = "bench_cuda_attention";

struct Scene {
  const char* model;
  AttentionShape heads;
  std::int64_t groups, prompt, samples, answer;  // prompt 0: answers are whole sequences
  int calls;                                     // in a layer of a GRPO step on the 1.5B shape
};

const Scene kScenes[] = {
    {"0.5B", {14, 2, 64, 0.125F}, 16, 0, 1, 1024, 0},
    {"1.5B", {12, 2, 128, 0.08838835F}, 16, 0, 1, 512, 1},
    {"4B", {32, 8, 128, 0.08838835F}, 8, 0, 1, 2048, 0},
    {"0.5B", {14, 2, 64, 0.125F}, 8, 512, 8, 256, 0},
    {"1.5B", {12, 2, 128, 0.08838835F}, 8, 200, 5, 300, 0},
};

// Queries and keys of a pass: row r of q is slot r of k and v.
struct Pass {
  std::vector<AttentionTile> tiles;
  std::vector<KeyRun> runs;
  std::int64_t rows = 0;
  double pairs = 0;

  explicit Pass(const Scene& scene) {
    for (std::int64_t g = 0; g < scene.groups; g++) {
      const std::int64_t prompt = rows;
      if (scene.prompt > 0) add({}, scene.prompt, 0);
      for (std::int64_t s = 0; s < scene.samples; s++) {
        const KeyRun before{static_cast<std::int32_t>(prompt), static_cast<std::int32_t>(scene.prompt)};
        add(scene.prompt > 0 ? std::vector{before} : std::vector<KeyRun>{}, scene.answer, scene.prompt);
      }
    }
  }

 private:
  void add(const std::vector<KeyRun>& before, std::int64_t count, std::int64_t position) {
    const auto first = static_cast<std::int32_t>(runs.size());
    runs.insert(runs.end(), before.begin(), before.end());
    runs.push_back({static_cast<std::int32_t>(rows), static_cast<std::int32_t>(count)});
    const auto runCount = static_cast<std::int32_t>(runs.size()) - first;
    for (std::int64_t at = 0; at < count; at += Attention::kTileRows) {
      tiles.push_back({static_cast<std::int32_t>(rows + at),
                       static_cast<std::int32_t>(std::min(Attention::kTileRows, count - at)),
                       static_cast<std::int32_t>(position + at), first, runCount});
    }
    rows += count;
    pairs += static_cast<double>(count) * (static_cast<double>(position) + static_cast<double>(count + 1) / 2);
  }
};

DeviceCase caseOf(const Scene& scene, bool backward) {
  char shape[320];
  std::snprintf(shape, sizeof shape,
                "{\"op\":\"%s\",\"model\":\"%s\",\"heads\":%lld,\"kvHeads\":%lld,\"headSize\":%lld,\"groups\":%lld,"
                "\"prompt\":%lld,\"samples\":%lld,\"answer\":%lld,\"calls\":%d}",
                backward ? "backward" : "forward", scene.model, static_cast<long long>(scene.heads.heads),
                static_cast<long long>(scene.heads.kvHeads), static_cast<long long>(scene.heads.headSize),
                static_cast<long long>(scene.groups), static_cast<long long>(scene.prompt),
                static_cast<long long>(scene.samples), static_cast<long long>(scene.answer), scene.calls);
  DeviceCase out{.subject = "cuda attention", .shape = shape};
  const auto width = static_cast<double>(scene.heads.heads * scene.heads.headSize);
  out.flops = (backward ? 5.0 : 2.0) * 2 * width * Pass(scene).pairs;
  return out;
}

// One row's numbers: finite, and of values in (-1, 1) a mean.
bool isMean(Machine& machine, View out) {
  std::vector<float> row(static_cast<std::size_t>(out.cols));
  machine.device().copyOut(row.data(), out.f32(out.rows - 1), row.size() * 4);
  return std::all_of(row.begin(), row.end(), [](float number) { return std::abs(number) <= 1; });
}

bool prepare(Machine& machine, const Scene& scene, DeviceCase& forward, DeviceCase& backward) {
  struct Prepared {
    Pass pass;
    AttentionWork work;
  };
  auto all = std::make_shared<Prepared>(Prepared{Pass(scene), {}});
  all->work = {all->pass.tiles, all->pass.runs};
  const std::int64_t rows = all->pass.rows, q = scene.heads.heads * scene.heads.headSize, kv = scene.heads.kvHeads * scene.heads.headSize;
  const auto floats = [&](std::int64_t cols) { return matrix(machine.floats(rows * cols), rows, cols); };
  const auto halves = [&](std::int64_t cols) { return View{machine.halves(rows * cols), Dtype::bf16, rows, cols, cols}; };
  const View query = floats(q), keys = halves(kv), values = halves(kv), out = floats(q), dout = floats(q);
  const View dq = floats(q), dk = floats(kv), dv = floats(kv);
  const View lse = matrix(machine.floats(rows * scene.heads.heads), rows, scene.heads.heads);
  if (!machine.failure().empty()) return false;
  Context& ctx = machine.context();
  ctx.ops.attention.prepare(ctx, all->work, true);
  const AttentionShape heads = scene.heads;
  forward.call = [=, &ctx] { ctx.ops.attention.forward(ctx, out, lse, query, keys, values, all->work, heads); };
  forward.isRight = [=, &machine] { return isMean(machine, out); };
  backward.call = [=, &ctx] {
    ctx.ops.attention.backward(ctx, dq, dk, dv, dout, out, lse, query, keys, values, all->work, heads);
  };
  return true;
}

int run(const Arguments& arguments, bool list) {
  std::vector<DeviceCase> cases;
  std::size_t scratch = 0;
  for (const Scene& scene : kScenes) {
    for (const bool backward : {false, true}) cases.push_back(caseOf(scene, backward));
    const std::int64_t rows = Pass(scene).rows;
    scratch = std::max({scratch, attentionForwardScratchBytes(scene.heads),
                        attentionBackwardScratchBytes(rows, scene.heads, Dtype::bf16)});
  }
  if (list) return listCases(cases);
  Machine machine(scratch);
  if (!machine.failure().empty()) return refuse(kProgram, machine.failure());
  machine.device().beginStage();
  for (std::size_t i = 0; i < std::size(kScenes); i++) {
    if (!prepare(machine, kScenes[i], cases[2 * i], cases[2 * i + 1])) break;
  }
  return measureCases(kProgram, arguments, machine, cases);
}

}  // namespace
}  // namespace agl::bench

int main(int argc, char** argv) { return agl::bench::runProgram("bench_cuda_attention", argc, argv, agl::bench::run); }
