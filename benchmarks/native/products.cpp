// Products of one weight matrix with 1 to many rows, as the engine runs them, beside the tests' reference.
//   bench_products --op forward | backwardInput --contender engine | reference --k K --n N --rows 1,8,64 --threads T
//     [--dtype f32|bf16] [--isa scalar|avx2|avx512|amx] [--cold BYTES] [--check 1] [--seconds S]
// One JSON line: seconds of each call, for each number of rows. Weights are copied until they fill `cold` bytes and taken
// in turn, as the layers of a model are. `check` compares every number with the reference, bit for bit, before timing.
#include <algorithm>
#include <bit>
#include <limits>

#include "core/half.h"
#include "core/philox.h"
#include "measure.h"
#include "ops/kernels.h"
#include "ops/linear/linear.reference.h"
#include "ops/ops.h"

namespace agl::bench {
namespace {

using Floats = std::vector<float>;

Floats randomNumbers(std::int64_t count, std::uint64_t seed) {
  Floats out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); i++) {
    const PhiloxBlock block = philox({static_cast<std::uint32_t>(i), 0, 0, 0}, seed);
    out[i] = static_cast<float>(2 * uniform(block[0], block[1]) - 1);
  }
  return out;
}

std::vector<std::uint16_t> inBf16(const Floats& numbers) {
  std::vector<std::uint16_t> out;
  for (const float number : numbers) out.push_back(f32ToBf16(number));
  return out;
}

struct Problem {
  bool backward;
  Dtype dtype;              // of the weights
  std::int64_t n, k, rows;  // rows: the most
  Floats w, in;             // in: x of forward, dy of backwardInput
  std::vector<std::uint16_t> wRounded, inRounded;  // the same for the reference in bf16

  Problem(bool isBackward, Dtype weights, std::int64_t outputs, std::int64_t inputs, std::int64_t most)
      : backward(isBackward), dtype(weights), n(outputs), k(inputs), rows(most), w(randomNumbers(n * k, 1)),
        in(randomNumbers(most * inWidth(), 2)), wRounded(inBf16(w)), inRounded(inBf16(in)) {}
  std::int64_t inWidth() const { return backward ? n : k; }
  std::int64_t outWidth() const { return backward ? k : n; }
  // backwardInput adds to what is there, forward must overwrite it.
  float before() const { return backward ? 0.1F : std::numeric_limits<float>::quiet_NaN(); }
};

void callReference(const Problem& p, float* out, std::int64_t begin, std::int64_t end) {
  const float* in = p.in.data() + begin * p.inWidth();
  const std::uint16_t* rounded = p.inRounded.data() + begin * p.inWidth();
  if (p.dtype == Dtype::bf16) {
    if (p.backward) {
      reference::bf16LinearBackwardInput(out + begin * p.k, rounded, p.wRounded.data(), end - begin, p.n, p.k);
    } else {
      reference::bf16LinearForward(out + begin * p.n, rounded, p.wRounded.data(), end - begin, p.n, p.k);
    }
  } else if (p.backward) {
    reference::linearBackwardInput(out + begin * p.k, in, p.w.data(), end - begin, p.n, p.k);
  } else {
    reference::linearForward(out + begin * p.n, in, p.w.data(), end - begin, p.n, p.k);
  }
}

void callEngine(Context& ctx, Problem& p, Floats& out, std::int64_t rows, Packed w) {
  const View from = matrix(p.in.data(), rows, p.inWidth()), to = matrix(out.data(), rows, p.outWidth());
  if (p.backward) {
    ctx.ops.linear.backwardInput(ctx, to, from, w);
  } else {
    ctx.ops.linear.forward(ctx, to, from, w);
  }
}

bool sameBits(const Floats& a, const Floats& b, std::int64_t count) {
  return std::equal(a.begin(), a.begin() + count, b.begin(),
                    [](float x, float y) { return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y); });
}

// Every row count against the reference of the most rows, whose first rows they are.
bool isExact(Context& ctx, Problem& p, const std::vector<std::int64_t>& rowCounts, Packed w) {
  const std::size_t size = static_cast<std::size_t>(p.rows * p.outWidth());
  Floats expected(size, p.before());
  ctx.pool.run(p.rows, 1, [&](int, std::int64_t begin, std::int64_t end) {
    callReference(p, expected.data(), begin, end);
  });
  return std::all_of(rowCounts.begin(), rowCounts.end(), [&](std::int64_t rows) {
    Floats out(size, p.before());
    callEngine(ctx, p, out, rows, w);
    return sameBits(out, expected, rows * p.outWidth());
  });
}

void addCase(std::string& cases, std::int64_t rows, const std::vector<double>& seconds) {
  if (!cases.empty()) cases += ',';
  cases += "{\"rows\":";
  cases += std::to_string(rows);
  cases += ",\"seconds\":";
  cases += jsonNumbers(seconds);
  cases += '}';
}

std::string timesOfReference(const Problem& p, const std::vector<std::int64_t>& rowCounts, double seconds) {
  Floats out(static_cast<std::size_t>(p.rows * p.outWidth()), p.before());
  std::string cases;
  for (const std::int64_t rows : rowCounts) {
    const auto times = secondsOfCalls(seconds, [&] { callReference(p, out.data(), 0, rows); });
    addCase(cases, rows, times);
  }
  return cases;
}

std::string timesOfEngine(Context& ctx, Problem& p, const std::vector<std::int64_t>& rowCounts,
                          const std::vector<Packed>& copies, double seconds) {
  Floats out(static_cast<std::size_t>(p.rows * p.outWidth()), p.before());
  std::size_t next = 0;
  std::string cases;
  for (const std::int64_t rows : rowCounts) {
    const auto times = secondsOfCalls(seconds, [&] {
      callEngine(ctx, p, out, rows, copies[next]);
      next = next + 1 == copies.size() ? 0 : next + 1;
    });
    addCase(cases, rows, times);
  }
  return cases;
}

const Kernels* kernelsNamed(const std::string& name) {
  for (const Isa isa : kIsas) {
    if (name == isaName(isa)) return kernelsOf(isa);
  }
  return name.empty() ? kernelsOf(bestIsa()) : nullptr;
}

int refuse(const char* what) {
  std::fprintf(stderr, "bench_products: %s\n", what);
  return 1;
}

int run(const Arguments& arguments) {
  const std::vector<std::int64_t> rowCounts = arguments.list("rows");
  const std::int64_t n = arguments.integer("n", 0), k = arguments.integer("k", 0);
  const int threads = static_cast<int>(arguments.integer("threads", 1));
  const Kernels* kernels = kernelsNamed(arguments.text("isa", ""));
  if (kernels == nullptr) return refuse("expected --isa to be one that this machine has");
  if (rowCounts.empty() || *std::min_element(rowCounts.begin(), rowCounts.end()) < 1 || n < 1 || k < 1 || threads < 1) {
    return refuse("expected --rows, --n, --k and --threads of 1 or more");
  }
  const std::string dtypeName = arguments.text("dtype", "f32");
  if (dtypeName != "f32" && dtypeName != "bf16") return refuse("expected --dtype to be f32 or bf16");
  const Dtype dtype = dtypeName == "f32" ? Dtype::f32 : Dtype::bf16;
  Problem p(arguments.text("op", "forward") == "backwardInput", dtype, n, k,
            *std::max_element(rowCounts.begin(), rowCounts.end()));
  const double seconds = arguments.number("seconds", 0.25);
  const std::string isa = std::string("\"isa\":\"") + isaName(kernels->isa) + "\",\"cases\":[";
  if (arguments.text("contender", "engine") == "reference") {
    printResult(isa + timesOfReference(p, rowCounts, seconds) + "]");
    return 0;
  }

  Pool pool(threads, linearScratchBytes(dtype, n));
  Context ctx{pool, *kernels, hostDevice(), cpuOps()};
  const Packed shape{nullptr, n, k, dtype};
  const std::size_t bytes = static_cast<std::size_t>(shape.bytes());
  const std::int64_t count = std::max<std::int64_t>(1, arguments.integer("cold", 0) / shape.bytes());
  Arena arena("benchmark weights", static_cast<std::size_t>(count) * Arena::rounded(bytes));
  std::vector<Packed> copies;
  for (std::int64_t i = 0; i < count; i++) {
    copies.push_back(shape.placed(arena.allocate(bytes)));
    ctx.ops.linear.pack(ctx, copies.back(), matrix(p.w.data(), n, k));
  }
  const bool checks = arguments.integer("check", 0) != 0;
  if (checks && !isExact(ctx, p, rowCounts, copies.front())) return refuse("the engine's bits are not the reference's");
  printResult(isa + timesOfEngine(ctx, p, rowCounts, copies, seconds) + "],\"checked\":" + (checks ? "true" : "false"));
  return 0;
}

}  // namespace
}  // namespace agl::bench

int main(int argc, char** argv) { return agl::bench::run(agl::bench::Arguments(argc, argv)); }
