#include "ops/embedding.h"

#include "backends.h"
#include "core/half.h"
#include "ops/embedding.reference.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, vocabulary, cols;
};
constexpr Shape kShapes[] = {{1, 1, 1}, {3, 5, 7}, {9, 4, 33}, {40, 17, 31}, {900, 60, 300}};

// Tokens with repeats, the first and the last row among them.
std::vector<std::int32_t> tokensOf(const Shape& s) {
  std::vector<std::int32_t> out;
  for (std::int64_t r = 0; r < s.rows; r++) out.push_back(static_cast<std::int32_t>((s.vocabulary - 1 + 7 * r) % s.vocabulary));
  return out;
}

}  // namespace

TEST("embedding: forward copies the token's row, from f32, bf16, f16 and from the packed head") {
  for (const Shape s : kShapes) {
    std::vector<std::uint16_t> halves(static_cast<std::size_t>(s.vocabulary * s.cols));
    for (std::size_t i = 0; i < halves.size(); i++) halves[i] = static_cast<std::uint16_t>(i * 2654435761U >> 7);
    const std::vector<std::int32_t> tokens = tokensOf(s);
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
      Floats wide = randomNumbers(s.vocabulary * s.cols, 1), expected(static_cast<std::size_t>(s.rows * s.cols));
      for (std::size_t i = 0; i < wide.size() && dtype != Dtype::f32; i++) {
        wide[i] = dtype == Dtype::bf16 ? bf16ToF32(halves[i]) : f16ToF32(halves[i]);
      }
      reference::embeddingForward(expected.data(), wide.data(), tokens.data(), s.rows, s.cols);
      onEveryBackend([&](Context& ctx) {
        void* data = dtype == Dtype::f32 ? static_cast<void*>(wide.data()) : halves.data();
        const View e = {data, dtype, s.vocabulary, s.cols, s.cols};
        Apart x(s.rows, s.cols, kNan), y(s.rows, s.cols, kNan);
        ctx.ops.embedding.forward(ctx, x.view(), e, tokens.data());
        CHECK(x.equals(expected));
        Packed packed{nullptr, s.vocabulary, s.cols};
        Floats memory(static_cast<std::size_t>(packed.elements()), kNan);
        packed.data = memory.data();
        ctx.ops.linear.pack(ctx, packed, e);
        ctx.ops.embedding.forwardPacked(ctx, y.view(), packed, tokens.data());
        CHECK(y.equals(expected));
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
    onEveryBackend([&](Context& ctx) {
      Apart de(s.vocabulary, s.cols, before), dx(s.rows, s.cols, dx0);
      ctx.ops.embedding.backward(ctx, de.view(), dx.view(), tokens.data());
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
