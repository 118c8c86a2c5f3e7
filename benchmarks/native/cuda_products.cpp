// Matrix products in bf16 on a CUDA device: forward and the input's gradient of the projections of four models, many rows as
// in training and few as in decoding, where weights come from memory.
//   bench_cuda_products [--list] [--commit TEXT] [--loaded true|false] [--rounds N]
// `calls`: how often a layer of a GRPO step on the 1.5B shape does it; the cost of exactness is weighted by that.
#include "cuda_measure.h"
#include "ops/linear/linear_cuda.h"

namespace agl::bench {
namespace {

constexpr const char* kProgram = "bench_cuda_products";

struct Projection {
  const char* model;
  const char* name;
  std::int64_t k, n;
  int calls;  // in a layer of a GRPO step; 0 where the model is not that of the step
};

constexpr Projection kMany[] = {
    {"0.5B", "q", 896, 896, 0},      {"0.5B", "gate", 896, 4864, 0},   {"0.5B", "down", 4864, 896, 0},
    {"1.5B", "q, o", 1536, 1536, 2}, {"1.5B", "k, v", 1536, 256, 2},   {"1.5B", "gate, up", 1536, 8960, 2},
    {"1.5B", "down", 8960, 1536, 1}, {"4B", "q", 2560, 4096, 0},       {"4B", "gate", 2560, 9728, 0},
    {"4B", "down", 9728, 2560, 0},   {"8B", "q", 4096, 4096, 0},       {"8B", "gate", 4096, 12288, 0},
    {"8B", "down", 12288, 4096, 0},
};
constexpr std::int64_t kManyRows[] = {2048, 8192};
constexpr Projection kFew[] = {{"0.5B", "gate", 896, 4864, 0}, {"0.5B", "down", 4864, 896, 0},
                               {"4B", "gate", 2560, 9728, 0},  {"4B", "down", 9728, 2560, 0}};
constexpr std::int64_t kDecodeRows[] = {1, 8, 64};
constexpr std::int64_t kColdBytes = std::int64_t{1} << 28;  // beyond every cache

struct Work {
  Projection projection;
  std::int64_t rows;
  bool backward, decode;
};

std::vector<Work> everyWork() {
  std::vector<Work> out;
  for (const Projection& p : kMany) {
    for (const std::int64_t rows : kManyRows) {
      if (p.calls > 0 && rows != kManyRows[1]) continue;
      for (const bool backward : {false, true}) out.push_back({p, rows, backward, false});
    }
  }
  for (const Projection& p : kFew) {
    for (const std::int64_t rows : kDecodeRows) out.push_back({p, rows, false, true});
  }
  return out;
}

DeviceCase caseOf(const Work& work) {
  const auto& [model, name, k, n, calls] = work.projection;
  char shape[256];
  std::snprintf(shape, sizeof shape,
                "{\"op\":\"%s\",\"model\":\"%s\",\"projection\":\"%s\",\"M\":%lld,\"K\":%lld,\"N\":%lld,\"weights\":\"%s\",\"calls\":%d}",
                work.backward ? "backwardInput" : "forward", model, name, static_cast<long long>(work.rows),
                static_cast<long long>(k), static_cast<long long>(n), work.decode ? "from memory" : "one copy", calls);
  DeviceCase out{.subject = "cuda products", .shape = shape};
  out.flops = 2.0 * static_cast<double>(work.rows) * static_cast<double>(k) * static_cast<double>(n);
  if (work.decode) out.bytes = 2.0 * static_cast<double>(k) * static_cast<double>(n);
  return out;
}

// Sums of outputs at both ends, in double.
bool isRight(Machine& machine, const Work& work, View x, View y) {
  const auto [model, name, k, n, calls] = work.projection;
  std::vector<float> row(static_cast<std::size_t>(y.cols));
  for (const std::int64_t r : {std::int64_t{0}, work.rows - 1}) {
    machine.device().copyOut(row.data(), y.f32(r), row.size() * 4);
    for (const std::int64_t c : {std::int64_t{0}, y.cols - 1}) {
      double sum = 0, magnitude = 0;
      for (std::int64_t j = 0; j < x.cols; j++) {
        const float weight = machine.at(work.backward ? j * k + c : c * k + j);
        const double product = static_cast<double>(bf16ToF32(f32ToBf16(machine.at(r * x.cols + j)))) *
                               static_cast<double>(bf16ToF32(f32ToBf16(weight)));
        sum += product;
        magnitude += std::abs(product);
      }
      if (!(std::abs(static_cast<double>(row[static_cast<std::size_t>(c)]) - sum) <= 1e-4 * magnitude)) return false;
    }
  }
  return true;
}

// Reads and writes what all cases share, with weights of its own.
bool prepare(Machine& machine, const Work& work, float* from, float* to, DeviceCase& one) {
  const auto [model, name, k, n, calls] = work.projection;
  Context& ctx = machine.context();
  auto copies = std::make_shared<std::vector<Packed>>();
  const Packed first{nullptr, n, k, Dtype::bf16};
  const std::int64_t count = work.decode ? kColdBytes / first.bytes() + 1 : 1;
  for (std::int64_t i = 0; i < count; i++) {
    copies->push_back(first);
    copies->back().data = machine.memory(static_cast<std::size_t>(first.bytes()));
    if (copies->back().data == nullptr) return false;
    ctx.ops.linear.pack(ctx, copies->back(), matrix(from, n, k));
  }
  const View x = matrix(from, work.rows, work.backward ? n : k), y = matrix(to, work.rows, work.backward ? k : n);
  const bool backward = work.backward;
  // Sums are added to what is there, so that the first call begins at zero.
  one.call = [&ctx, copies, x, y, backward, next = std::size_t{0}]() mutable {
    const Packed& w = (*copies)[next];
    next = next + 1 == copies->size() ? 0 : next + 1;
    if (backward) ctx.ops.linear.backwardInput(ctx, y, x, w);
    else ctx.ops.linear.forward(ctx, y, x, w);
  };
  one.isRight = [&machine, work, x, y, call = one.call]() mutable {
    machine.device().fill(y.data, 0, static_cast<std::size_t>(y.rows * y.cols) * 4);
    call();
    return isRight(machine, work, x, y);
  };
  return true;
}

int run(const Arguments& arguments, bool list) {
  const std::vector<Work> works = everyWork();
  std::vector<DeviceCase> cases;
  std::size_t scratch = 0;
  std::int64_t numbers = 0;
  for (const Work& work : works) {
    const Projection& p = work.projection;
    cases.push_back(caseOf(work));
    scratch = std::max(scratch, linearCudaScratchBytes(Dtype::bf16, work.rows, p.n, p.k));
    numbers = std::max({numbers, work.rows * std::max(p.n, p.k), p.n * p.k});
  }
  if (list) return listCases(cases);
  Machine machine(scratch);
  if (!machine.failure().empty()) return refuse(kProgram, machine.failure());
  float* const from = machine.floats(numbers);
  float* const to = machine.floats(numbers);
  for (std::size_t i = 0; i < works.size() && machine.failure().empty(); i++) {
    if (!prepare(machine, works[i], from, to, cases[i])) break;
  }
  return measureCases(kProgram, arguments, machine, cases);
}

}  // namespace
}  // namespace agl::bench

int main(int argc, char** argv) { return agl::bench::runProgram("bench_cuda_products", argc, argv, agl::bench::run); }
