// The laws of linear.h for weights of one byte on CUDA, by each family of instructions.
#include "code_problem.h"
#include "cuda_products.h"
#include "packed_weights.h"

namespace agl::test {
namespace {

constexpr Dtype kCodeTypes[] = {Dtype::i8, Dtype::f8};

// Odd ones; few rows, few again and again, and many, beyond pieces of 1,024 and three of them, sums divided over blocks and not.
constexpr Shape kShapes[] = {{1, 1, 1},      {3, 5, 3},      {9, 17, 65},   {16, 130, 97}, {70, 33, 1100},
                             {1, 20, 4200},  {40, 97, 130},  {130, 97, 130}};
// Wide blocks of few rows: beyond 64 outputs for each of 132 multiprocessors.
constexpr Shape kWide[] = {{11, 8460, 40}, {3, 8460, 40}};

}  // namespace

TEST("weights of one byte on CUDA: pack writes the codes and scales of the CPU row by row, and unpack multiplies them") {
  onCuda([](Context& ctx) {
    for (const Dtype codes : kCodeTypes) {
      for (const Shape s : {Shape{1, 1, 1}, Shape{1, 20, 3}, Shape{1, 33, 297}, Shape{1, 48, 64}}) {
        CodeProblem p(codes, s, true);
        PackedWeights w(ctx, codes, p.w, s.n, s.k);
        const std::int64_t stride = (s.k + 31) / 32 * 32, rows = w.packed().panels() * 16;
        const unsigned char* bytes = w.bytes();
        const auto* scales = reinterpret_cast<const float*>(bytes + rows * stride);
        Floats numbers;
        for (std::int64_t n = 0; n < rows; n++) {
          CHECK(sameNumber(scales[n], n < s.n ? p.scales[static_cast<std::size_t>(n)] : 1.0F));
          for (std::int64_t k = 0; k < stride; k++) {
            const bool isInside = n < s.n && k < s.k;
            const int expected = isInside ? p.bytes[static_cast<std::size_t>(n * s.k + k)] : 0;
            CHECK(bytes[n * stride + k] == expected);
            if (isInside) numbers.push_back(static_cast<float>(codeValue(codes, expected)) * scales[n]);
          }
        }
        Apart back(s.n, s.k, kNan, ctx.device);
        ctx.ops.linear.unpack(ctx, back.view(), w.packed());
        CHECK(back.equals(numbers));
      }
    }
  });
}

TEST("weights of one byte on CUDA: both directions are those of bf16 over the codes, the sums or dy times the scales") {
  onEveryFamily([](const Cuda& cuda) {
    for (const Dtype codes : kCodeTypes) {
      for (const Shape s : kShapes) {
        CodeProblem p(codes, s, s.rows == 40);
        PackedWeights w(cuda.ctx, codes, p.w, s.n, s.k), plain(cuda.ctx, Dtype::bf16, p.plain(), s.n, s.k);
        const Floats y = forwardOf(cuda, w.packed(), p.x, s.rows);
        CHECK(sameNumbers(y, p.scaled(forwardOf(cuda, plain.packed(), p.x, s.rows))));
        const Floats before = randomNumbers(s.rows * s.k, 4);
        CHECK(sameNumbers(backwardInputOf(cuda, w.packed(), before, p.dy, s.rows),
                          backwardInputOf(cuda, plain.packed(), before, p.scaledDy(), s.rows)));
      }
      const Shape s = kWide[codes == Dtype::i8 ? 0 : 1];
      CodeProblem p(codes, s);
      PackedWeights w(cuda.ctx, codes, p.w, s.n, s.k), plain(cuda.ctx, Dtype::bf16, p.plain(), s.n, s.k);
      CHECK(sameNumbers(forwardOf(cuda, w.packed(), p.x, s.rows), p.scaled(forwardOf(cuda, plain.packed(), p.x, s.rows))));
    }
  });
}

TEST("weights of one byte on CUDA: every code multiplies as the number it is, by few rows and by many") {
  onEveryFamily([](const Cuda& cuda) {
    for (const Dtype codes : kCodeTypes) {
      Floats values;  // the largest first: scale 1
      for (int code = 255; code >= 0; code--) {
        if (isNumber(codes, code)) values.push_back(static_cast<float>(codeValue(codes, code)));
      }
      const auto count = static_cast<std::int64_t>(values.size());
      PackedWeights w(cuda.ctx, codes, values, 1, count);
      Floats one(static_cast<std::size_t>(count * count));
      for (std::int64_t r = 0; r < count; r++) one[static_cast<std::size_t>(r * count + r)] = 1;
      const Floats many = forwardOf(cuda, w.packed(), one, count);
      CHECK(std::equal(many.begin(), many.end(), values.begin()));
      for (std::int64_t r = 0; r + 16 <= count; r += 16) {
        const Floats few = forwardOf(cuda, w.packed(), rowsOf(one, r, 16, count), 16);
        CHECK(std::equal(few.begin(), few.end(), values.begin() + r));
      }
    }
  });
}

TEST("weights of one byte on CUDA: a row has the same bits in any batch, beside rows that are not numbers, and in a slice of the outputs") {
  const Shape s{130, 150, 1100};
  onEveryFamily([&](const Cuda& cuda) {
    for (const Dtype codes : kCodeTypes) {
      CodeProblem p(codes, s);
      PackedWeights w(cuda.ctx, codes, p.w, s.n, s.k);
      const Floats y = forwardOf(cuda, w.packed(), p.x, s.rows);
      for (const std::int64_t rows : {1, 8, 9, 16, 17, 65}) {
        const std::int64_t first = (7 * rows) % (s.rows - rows + 1), place = 5 * rows % 7 % rows;
        CHECK(sameNumbers(forwardOf(cuda, w.packed(), rowsOf(p.x, first, rows, s.k), rows), rowsOf(y, first, rows, s.n)));
        Floats beside(static_cast<std::size_t>(rows * s.k), kNan);
        std::copy_n(p.x.data() + first * s.k, s.k, beside.data() + place * s.k);
        CHECK(sameNumbers(rowsOf(forwardOf(cuda, w.packed(), beside, rows), place, 1, s.n), rowsOf(y, first, 1, s.n)));
      }
      for (const std::int64_t rows : {3, 20}) {
        for (const std::int64_t begin : {0, 64, 144}) {
          const std::int64_t count = std::min<std::int64_t>(59, s.n - begin);
          const Floats part = forwardOf(cuda, w.packed().slice(begin, count), rowsOf(p.x, 0, rows, s.k), rows);
          for (std::int64_t r = 0; r < rows; r++) CHECK(sameNumbers(part.data() + r * count, y.data() + r * s.n + begin, count));
        }
      }
    }
  });
}

TEST("weights of one byte on CUDA: both directions stay within the scratch that the plan counts") {
  for (const Shape s : {Shape{100, 16, 1100}, Shape{100, 1100, 16}, Shape{100, 130, 1030}}) {
    CodeProblem p(Dtype::i8, s);
    onEveryFamily(
        [&](const Cuda& cuda) {
          PackedWeights w(cuda.ctx, Dtype::i8, p.w, s.n, s.k);
          for (const std::int64_t rows : {1, 17, 100}) {
            forwardOf(cuda, w.packed(), rowsOf(p.x, 0, rows, s.k), rows);
            backwardInputOf(cuda, w.packed(), rowsOf(p.x, 0, rows, s.k), rowsOf(p.dy, 0, rows, s.n), rows);
          }
        },
        linearCudaScratchBytes(Dtype::i8, s.rows, s.n, s.k));
  }
}

}  // namespace agl::test
