// The laws of linear.h that CUDA keeps in its own way: tensor cores' sums, weights row by row, gradients by blocks of rows.
#include "ops/linear/linear_cuda.h"

#include <algorithm>

#include "core/half.h"
#include "cuda_products.h"
#include "ops/linear/linear.h"
#include "packed_weights.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, n, k;
};

// Odd ones; one beyond 8, 16, 64 and 128 rows, 64 and 128 outputs, steps of 64 and pieces of 1,024, of either side.
constexpr Shape kShapes[] = {{1, 1, 1},    {3, 5, 3},     {4, 33, 4},     {8, 16, 64},    {9, 17, 65},   {16, 130, 97},
                             {17, 33, 1100}, {1, 70, 2100}, {13, 24, 9300}, {40, 97, 130}, {130, 97, 130}, {66, 20, 1030},
                             {70, 1040, 35}, {300, 16, 35}, {260, 200, 50}, {18, 2070, 16},
                             {5, 1100, 40}, {12, 300, 1100}, {600, 70, 40}};

double wide(std::uint16_t bits) { return static_cast<double>(bf16ToF32(bits)); }

// A sum in double, and what the sums of tensor cores may differ from it: each of their adds by 2^-22 of what it adds.
struct Expected {
  double sum = 0, magnitude = 0;
  void add(double product) {
    sum += product;
    magnitude += std::abs(product);
  }
  double tolerance(std::int64_t count) const {
    return static_cast<double>(divideUp(count, 16) + divideUp(count, kPiece)) * 0x1p-22 * magnitude;
  }
};

struct Problem {
  Shape shape;
  Floats x, w, dy;
  explicit Problem(Shape s)
      : shape(s), x(randomNumbers(s.rows * s.k, 1)), w(randomNumbers(s.n * s.k, 2)), dy(randomNumbers(s.rows * s.n, 3)) {}

  Expected forward(std::int64_t r, std::int64_t n) const {
    Expected e;
    for (std::int64_t k = 0; k < shape.k; k++) {
      e.add(wide(f32ToBf16(at(x, r * shape.k + k))) * wide(f32ToBf16(at(w, n * shape.k + k))));
    }
    return e;
  }
  Expected backwardInput(std::int64_t r, std::int64_t k) const {
    Expected e;
    for (std::int64_t n = 0; n < shape.n; n++) {
      e.add(wide(f32ToBf16(at(dy, r * shape.n + n))) * wide(f32ToBf16(at(w, n * shape.k + k))));
    }
    return e;
  }
  static float at(const Floats& numbers, std::int64_t i) { return numbers[static_cast<std::size_t>(i)]; }
};

}  // namespace

TEST("linear on CUDA: pack writes rows of whole steps, zero beyond the weights, and unpack gives the numbers back") {
  onCuda([](Context& ctx) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      for (const Shape s : {Shape{1, 1, 1}, Shape{1, 5, 3}, Shape{1, 33, 40}, Shape{1, 48, 64}, Shape{1, 17, 97}}) {
        Problem p(s);
        PackedWeights w(ctx, dtype, p.w, s.n, s.k);
        const std::int64_t stride = dtype == Dtype::bf16 ? (s.k + 31) / 32 * 32 : s.k;
        Floats expected(p.w.size());
        for (std::int64_t n = 0; n < (s.n + 15) / 16 * 16; n++) {
          for (std::int64_t k = 0; k < stride; k++) {
            const bool inside = n < s.n && k < s.k;
            float number = inside ? p.w[static_cast<std::size_t>(n * s.k + k)] : 0.0F;
            if (dtype == Dtype::bf16) number = bf16ToF32(f32ToBf16(number));
            if (inside) expected[static_cast<std::size_t>(n * s.k + k)] = number;
            const auto i = static_cast<std::size_t>(n * stride + k);
            const float packed = dtype == Dtype::bf16 ? bf16ToF32(reinterpret_cast<const std::uint16_t*>(w.bytes())[i])
                                                      : reinterpret_cast<const float*>(w.bytes())[i];
            CHECK(sameNumber(packed, number));
          }
        }
        Apart back(s.n, s.k, kNan, ctx.device);
        ctx.ops.linear.unpack(ctx, back.view(), w.packed());
        CHECK(back.equals(expected));
      }
    }
  });
}

TEST("linear on CUDA: in bf16 forward is the sum in double to the rounding of tensor cores, every output written") {
  onEveryFamily([](const Cuda& cuda) {
    for (const Shape s : kShapes) {
      Problem p(s);
      PackedWeights w(cuda.ctx, Dtype::bf16, p.w, s.n, s.k);
      const Floats y = forwardOf(cuda, w.packed(), p.x, s.rows);
      for (std::int64_t r = 0; r < s.rows; r += 1 + s.rows / 20) {
        for (std::int64_t n = 0; n < s.n; n += 1 + s.n / 100) {
          const Expected e = p.forward(r, n);
          CHECK_NEAR(Problem::at(y, r * s.n + n), e.sum, e.tolerance(s.k), 0);
        }
      }
      CHECK(std::none_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
    }
  });
}

TEST("linear on CUDA: in bf16 backwardInput adds one sum to dx, to the rounding of tensor cores") {
  onEveryFamily([](const Cuda& cuda) {
    for (const Shape s : kShapes) {
      Problem p(s);
      PackedWeights w(cuda.ctx, Dtype::bf16, p.w, s.n, s.k);
      const Floats before = randomNumbers(s.rows * s.k, 4);
      const Floats dx = backwardInputOf(cuda, w.packed(), before, p.dy, s.rows);
      for (std::int64_t r = 0; r < s.rows; r += 1 + s.rows / 20) {
        for (std::int64_t k = 0; k < s.k; k += 1 + s.k / 100) {
          const Expected e = p.backwardInput(r, k);
          CHECK_NEAR(Problem::at(dx, r * s.k + k), e.sum + Problem::at(before, r * s.k + k), e.tolerance(s.n), 0x1p-23);
        }
      }
      CHECK(std::none_of(dx.begin(), dx.end(), [](float value) { return std::isnan(value); }));
    }
  });
}

TEST("linear on CUDA: in bf16 a row has the same bits in any batch, at any place, beside any other rows") {
  const Shape s{300, 150, 1100};
  Problem p(s);
  const Floats before = randomNumbers(s.rows * s.k, 4);
  onEveryFamily([&](const Cuda& cuda) {
    PackedWeights w(cuda.ctx, Dtype::bf16, p.w, s.n, s.k);
    const Floats y = forwardOf(cuda, w.packed(), p.x, s.rows);
    const Floats dx = backwardInputOf(cuda, w.packed(), before, p.dy, s.rows);
    for (const std::int64_t rows : {1, 8, 9, 16, 17, 64, 65, 128, 129, 257}) {
      const std::int64_t first = (7 * rows) % (s.rows - rows + 1);
      CHECK(sameNumbers(forwardOf(cuda, w.packed(), rowsOf(p.x, first, rows, s.k), rows), rowsOf(y, first, rows, s.n)));
      CHECK(sameNumbers(backwardInputOf(cuda, w.packed(), rowsOf(before, first, rows, s.k), rowsOf(p.dy, first, rows, s.n), rows),
                        rowsOf(dx, first, rows, s.k)));

      const std::int64_t place = 5 * rows % 7 % rows;
      Floats poisoned(static_cast<std::size_t>(rows * s.k), kNan);
      std::copy_n(p.x.data() + first * s.k, s.k, poisoned.data() + place * s.k);
      const Floats alone = forwardOf(cuda, w.packed(), poisoned, rows);
      CHECK(sameNumbers(rowsOf(alone, place, 1, s.n), rowsOf(y, first, 1, s.n)));
    }
  });
}

TEST("linear on CUDA: up to three weights of few rows are one launch, by either family, and each has the bits it has alone") {
  constexpr std::int64_t k = 1100, ns[] = {130, 17, 70, 16};
  onEveryFamily([&](const Cuda& cuda) {
    Context& ctx = cuda.ctx;
    for (const Dtype dtype : {Dtype::bf16, Dtype::i8, Dtype::f8}) {
      for (const std::int64_t rows : {1, 13}) {
        const Floats numbers = randomNumbers(rows * k, 1);
        Apart x(rows, k, numbers, ctx.device);
        std::vector<PackedWeights> weights;
        std::vector<Apart> results;
        std::vector<LinearOutput> outputs;
        for (const std::int64_t n : ns) {
          weights.emplace_back(ctx, dtype, randomNumbers(n * k, 10 + n), n, k);
          results.emplace_back(rows, n, kNan, ctx.device);
        }
        for (std::size_t i = 0; i < weights.size(); i++) outputs.push_back({results[i].view(), weights[i].packed()});
        const View from = x.view();
        const std::int64_t before = cudaDevice(ctx).counters().launches;
        forwardBf16(cudaDevice(ctx), cuda.products, from, outputs);
        CHECK(cudaDevice(ctx).counters().launches - before == 2);  // three and one
        for (std::size_t i = 0; i < weights.size(); i++) {
          CHECK(results[i].equals(forwardOf(cuda, weights[i].packed(), numbers, rows)));
        }
      }
    }
  });
}

TEST("linear on CUDA: in bf16 every tile and every division over blocks gives the same bits") {
  struct Trial {
    Shape shape;
    bool transposed;
    std::vector<Tile> tiles;
  };
  // Beyond 128 small tiles nothing is split; below, each piece has a block of its own. The last has enough outputs for the
  // wide blocks of few rows on 132 multiprocessors.
  const Trial trials[] = {{{140, 140, 2100}, false, {Tile::small, Tile::large, Tile::wide}},
                          {{140, 1300, 202}, true, {Tile::small, Tile::large, Tile::wide}},
                          {{20, 8500, 1040}, false, {Tile::small}}};
  for (const Trial& trial : trials) {
    const Shape s = trial.shape;
    const bool transposed = trial.transposed;
    const std::int64_t columns = transposed ? s.k : s.n, reduced = transposed ? s.n : s.k;
    Problem p(s);
    onEveryFamily([&](const Cuda& cuda) {
      Device& device = cuda.ctx.device;
      PackedWeights w(cuda.ctx, Dtype::bf16, p.w, s.n, s.k);
      Apart from(s.rows, reduced, transposed ? p.dy : p.x, device);
      const std::int64_t stride = operandStride(reduced);
      Mirrored<std::uint16_t> operand(device, std::vector<std::uint16_t>(static_cast<std::size_t>(s.rows * stride), 0x7fc0));
      Mirrored<float> parts(device, Floats(bf16ScratchBytes(s.rows, columns, reduced) / sizeof(float), kNan));
      roundRows(cudaDevice(cuda.ctx), "test", operand.device(), s.rows, from.view());
      std::vector<Floats> results;
      for (const Tile tile : trial.tiles) {
        Mirrored<float> c(device, Floats(static_cast<std::size_t>(s.rows * columns), transposed ? 0.5F : kNan));
        multiplyBf16(cudaDevice(cuda.ctx), cuda.products, "test", c.device(), operand.device(), w.packed().bf16(), parts.device(),
                     {s.rows, columns, reduced, columns, stride, operandStride(s.k), transposed, transposed}, tile);
        results.push_back(c.host());
      }
      for (const Floats& other : results) CHECK(sameNumbers(results[0], other));
      if (transposed) return;
      CHECK(sameNumbers(rowsOf(results[0], 3, 11, s.n), forwardOf(cuda, w.packed(), rowsOf(p.x, 3, 11, s.k), 11)));
    });
  }
}

TEST("linear on CUDA: a slice of the packed outputs gives the bits of the whole, and reads nothing beyond itself") {
  const Shape s{20, 520, 1100};
  Problem p(s);
  onEveryFamily([&](const Cuda& cuda) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      PackedWeights all(cuda.ctx, dtype, p.w, s.n, s.k);
      for (const std::int64_t rows : {3, 20}) {
        const Floats x = rowsOf(p.x, 0, rows, s.k), y = forwardOf(cuda, all.packed(), x, rows);
        for (const std::int64_t begin : {0, 64, 496}) {
          const std::int64_t count = std::min<std::int64_t>(59, s.n - begin);
          Floats apart = p.w;
          std::fill(apart.begin(), apart.begin() + begin * s.k, kNan);
          std::fill(apart.begin() + (begin + count) * s.k, apart.end(), kNan);
          PackedWeights poisoned(cuda.ctx, dtype, apart, s.n, s.k);
          const Floats part = forwardOf(cuda, poisoned.packed().slice(begin, count), x, rows);
          for (std::int64_t r = 0; r < rows; r++) {
            CHECK(sameNumbers(part.data() + r * count, y.data() + r * s.n + begin, count));
          }
          PackedWeights alone(cuda.ctx, dtype, rowsOf(p.w, begin, count, s.k), count, s.k);
          const Floats dy = rowsOf(p.dy, 0, rows, count), zeros(static_cast<std::size_t>(rows * s.k));
          CHECK(sameNumbers(backwardInputOf(cuda, poisoned.packed().slice(begin, count), zeros, dy, rows),
                            backwardInputOf(cuda, alone.packed(), zeros, dy, rows)));
        }
      }
    }
  });
}

TEST("linear on CUDA: backwardWeight adds the sum over rows to dw, to float's rounding of its blocks' chains") {
  onCuda([](Context& ctx) {
    for (const Shape s : {Shape{1, 1, 1}, Shape{3, 5, 3}, Shape{15, 48, 16}, Shape{40, 97, 130}, Shape{130, 16, 300},
                          Shape{700, 300, 16}, Shape{300, 70, 35}, Shape{257, 129, 65}}) {
      Problem p(s);
      const Floats before = randomNumbers(s.n * s.k, 4);
      Apart dw(s.n, s.k, before, ctx.device), dy(s.rows, s.n, p.dy, ctx.device), x(s.rows, s.k, p.x, ctx.device);
      ctx.ops.linear.backwardWeight(ctx, dw.view(), dy.view(), x.view());
      for (std::int64_t n = 0; n < s.n; n++) {
        for (std::int64_t k = 0; k < s.k; k++) {
          const double start = Problem::at(before, n * s.k + k);
          double sum = start, magnitude = std::abs(start);
          for (std::int64_t r = 0; r < s.rows; r++) {
            const double product = static_cast<double>(Problem::at(p.dy, r * s.n + n)) * Problem::at(p.x, r * s.k + k);
            sum += product;
            magnitude += std::abs(product);
          }
          CHECK_NEAR(dw.row(n)[k], sum, static_cast<double>(s.rows + 2) * 0x1p-24 * magnitude, 0);
        }
      }
      CHECK(dw.marksHold());
    }
  });
}

TEST("linear on CUDA: the scratch of backwardWeight serves fewer rows, outputs and columns, and the head's is not its whole gradient") {
  const auto needed = [](std::int64_t rows, std::int64_t n, std::int64_t k) {
    const std::int64_t count = weightRowBlocks(rows, n, k).count;
    return static_cast<std::size_t>(count > 1 ? count * n * k * 4 : 0);
  };
  constexpr std::int64_t most = 10'000;
  for (const auto& [n, k] : {std::pair<std::int64_t, std::int64_t>{64, 14'336}, {128, 896}, {4096, 896}, {16, 48}}) {
    const std::size_t planned = weightScratchBytes(most, n, k);
    for (std::int64_t rows = 1; rows <= most; rows += 13) {
      for (std::int64_t fewer = n; fewer > 0; fewer /= 2) CHECK(needed(rows, fewer, k) <= planned && needed(rows, k, fewer) <= planned);
      CHECK(needed(rows, n - 1, k) <= planned && needed(rows, n, k - 1) <= planned);
    }
  }
  CHECK(linearCudaScratchBytes(Dtype::bf16, 2048, 128'256, 4096) < std::size_t{512} << 20);
}

TEST("linear on CUDA: the three products of any rows stay within the scratch that the plan counts for the most") {
  constexpr std::int64_t counts[] = {1, 17, 100, 300};
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    for (const Shape s : {Shape{300, 16, 1100}, Shape{300, 1100, 16}, Shape{300, 130, 1030}}) {
      Problem p(s);
      for (const std::int64_t rows : counts) {
        CHECK(linearCudaScratchBytes(dtype, rows, s.n, s.k) <= linearCudaScratchBytes(dtype, s.rows, s.n, s.k));
      }
      onEveryFamily(
          [&](const Cuda& cuda) {
            Context& ctx = cuda.ctx;
            PackedWeights w(ctx, dtype, p.w, s.n, s.k);
            for (const std::int64_t rows : counts) {
              const Floats x = rowsOf(p.x, 0, rows, s.k), dy = rowsOf(p.dy, 0, rows, s.n);
              forwardOf(cuda, w.packed(), x, rows);
              backwardInputOf(cuda, w.packed(), x, dy, rows);
              Apart dw(s.n, s.k, 0.0F, ctx.device), dyAt(rows, s.n, dy, ctx.device), xAt(rows, s.k, x, ctx.device);
              ctx.ops.linear.backwardWeight(ctx, dw.view(), dyAt.view(), xAt.view());
            }
          },
          linearCudaScratchBytes(dtype, s.rows, s.n, s.k));
    }
  }
}

}  // namespace agl::test
