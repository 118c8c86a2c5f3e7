#include "ops/rows/embedding.h"

#include <algorithm>

#include "core/half.h"
#include "ops/backends.h"
#include "ops/linear/packed_weights.h"
#include "ops/rows/embedding.reference.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, vocabulary, cols;
};
constexpr Shape kShapes[] = {{1, 1, 1}, {3, 5, 7}, {9, 4, 33}, {40, 17, 31}, {900, 60, 300}, {2100, 2, 9}};

// Tokens with repeats, the first and the last row among them.
std::vector<std::int32_t> tokensOf(const Shape& s) {
  std::vector<std::int32_t> out;
  for (std::int64_t r = 0; r < s.rows; r++) out.push_back(static_cast<std::int32_t>((s.vocabulary - 1 + 7 * r) % s.vocabulary));
  return out;
}

// Rows of tokens in f32, or in 16 bits and, widened, in f32.
struct Table {
  Shape shape;
  Floats wide;
  std::vector<std::uint16_t> narrow;
  Table(const Shape& s, Dtype dtype) : shape(s), wide(randomNumbers(s.vocabulary * s.cols, 1)), narrow(wide.size()) {
    for (std::size_t i = 0; i < narrow.size(); i++) narrow[i] = static_cast<std::uint16_t>(i * 2654435761U >> 7);
    if (dtype == Dtype::bf16) std::transform(narrow.begin(), narrow.end(), wide.begin(), bf16ToF32);
    if (dtype == Dtype::f16) std::transform(narrow.begin(), narrow.end(), wide.begin(), f16ToF32);
  }
  Floats rows(const std::vector<std::int32_t>& tokens) const {
    Floats out(static_cast<std::size_t>(shape.rows * shape.cols));
    reference::embeddingForward(out.data(), wide.data(), tokens.data(), shape.rows, shape.cols);
    return out;
  }
};

}  // namespace

TEST("embedding: forward copies the token's row, from f32, bf16 and f16") {
  for (const Shape s : kShapes) {
    const std::vector<std::int32_t> tokens = tokensOf(s);
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
      const Table table(s, dtype);
      const Floats expected = table.rows(tokens);
      onEveryDevice([&](Context& ctx) {
        Mirrored<float> wide(ctx.device, table.wide);
        Mirrored<std::uint16_t> narrow(ctx.device, table.narrow);
        Mirrored<std::int32_t> where(ctx.device, tokens);
        void* data = dtype == Dtype::f32 ? static_cast<void*>(wide.device()) : narrow.device();
        Apart x(s.rows, s.cols, kNan, ctx.device);
        ctx.ops.embedding.forward(ctx, x.view(), {data, dtype, s.vocabulary, s.cols, s.cols}, where.device());
        CHECK(x.equals(expected));
      });
    }
  }
}

TEST("embedding: forward copies the token's row from the packed head, f32 or bf16") {
  for (const Shape s : kShapes) {
    const std::vector<std::int32_t> tokens = tokensOf(s);
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      const Table table(s, dtype);
      onEveryDevice([&](Context& ctx) {
        PackedWeights packed(ctx, dtype, table.wide, s.vocabulary, s.cols);
        Mirrored<std::int32_t> where(ctx.device, tokens);
        Apart x(s.rows, s.cols, kNan, ctx.device);
        ctx.ops.embedding.forwardPacked(ctx, x.view(), packed.packed(), where.device());
        CHECK(x.equals(table.rows(tokens)));
      });
    }
  }
}

TEST("embedding: backward adds each row to its token's, in ascending order, the same bits with any threads") {
  for (const Shape s : kShapes) {
    const std::vector<std::int32_t> tokens = tokensOf(s);
    const Floats before = randomNumbers(s.vocabulary * s.cols, 1), dx0 = randomNumbers(s.rows * s.cols, 2);
    Floats expected = before;
    reference::embeddingBackward(expected.data(), dx0.data(), tokens.data(), s.rows, s.cols);
    onEveryDevice([&](Context& ctx) {
      Apart de(s.vocabulary, s.cols, before, ctx.device), dx(s.rows, s.cols, dx0, ctx.device);
      Mirrored<std::int32_t> where(ctx.device, tokens);
      ctx.ops.embedding.backward(ctx, de.view(), dx.view(), where.device());
      CHECK(de.equals(expected));
    });
  }
}

TEST("embedding: the reference's gradient is the central difference") {
  const Shape s{5, 3, 4};
  const std::vector<std::int32_t> tokens = tokensOf(s);
  std::vector<double> e = randomNumbers<double>(12, 1), de(12, 0.1);
  const std::vector<double> dx = randomNumbers<double>(20, 2);
  reference::embeddingBackward(de.data(), dx.data(), tokens.data(), s.rows, s.cols);
  const std::vector<double> expected = centralDifferences(e, [&] {
    std::vector<double> x(20);
    reference::embeddingForward(x.data(), e.data(), tokens.data(), s.rows, s.cols);
    return dot(x, dx);
  });
  for (std::size_t i = 0; i < de.size(); i++) CHECK_NEAR(de[i] - 0.1, expected[i], 1e-6, 1e-6);
}

}  // namespace agl::test
