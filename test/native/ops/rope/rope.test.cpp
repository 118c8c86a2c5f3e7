#include "ops/rope/rope.h"

#include "model/rope_table.h"
#include "ops/backends.h"
#include "ops/rope/rope.reference.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, heads, headSize;
};
constexpr Shape kShapes[] = {{1, 1, 2}, {3, 5, 8}, {4, 3, 40}, {33, 14, 64}, {300, 4, 256}, {300, 6, 96}};
constexpr std::int64_t kPositions = 50;

struct Tables {
  Apart cos, sin;
  Tables(std::int64_t headSize, Device& device)
      : cos(kPositions, headSize / 2, kNan, device), sin(kPositions, headSize / 2, kNan, device) {
    Apart hostCos(kPositions, headSize / 2, kNan), hostSin(kPositions, headSize / 2, kNan);
    fillRopeTable(hostCos.view(), hostSin.view(), {});
    for (std::int64_t p = 0; p < kPositions; p++) {
      std::copy_n(hostCos.row(p), headSize / 2, cos.row(p));
      std::copy_n(hostSin.row(p), headSize / 2, sin.row(p));
    }
  }
};

std::vector<std::int32_t> positionsOf(std::int64_t rows) {
  std::vector<std::int32_t> out;
  for (std::int64_t r = 0; r < rows; r++) out.push_back(static_cast<std::int32_t>(r * 31 % kPositions));
  return out;
}

Floats numbersOf(Apart& m, std::int64_t rows, std::int64_t cols) {
  Floats out;
  for (std::int64_t r = 0; r < rows; r++) out.insert(out.end(), m.row(r), m.row(r) + cols);
  return out;
}

}  // namespace

TEST("rope: forward and backward equal the reference, in the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const std::int64_t cols = s.heads * s.headSize;
    const Floats x0 = randomNumbers(s.rows * cols, 1);
    const std::vector<std::int32_t> positions = positionsOf(s.rows);
    Floats forward, backward;
    onEveryDevice([&](Context& ctx) {
      Tables tables(s.headSize, ctx.device);
      Mirrored<std::int32_t> where(ctx.device, positions);
      Apart x(s.rows, cols, x0, ctx.device), dx(s.rows, cols, x0, ctx.device);
      ctx.ops.rope.forward(ctx, x.view(), tables.cos.view(), tables.sin.view(), where.device(), s.headSize);
      ctx.ops.rope.backward(ctx, dx.view(), tables.cos.view(), tables.sin.view(), where.device(), s.headSize);
      if (forward.empty()) forward = numbersOf(x, s.rows, cols), backward = numbersOf(dx, s.rows, cols);
      CHECK(x.equals(forward) && dx.equals(backward));
    });
    Tables tables(s.headSize, hostDevice());
    for (std::int64_t r = 0; r < s.rows; r++) {
      const std::int64_t p = positions[r];
      const std::vector<double> cos(tables.cos.row(p), tables.cos.row(p) + s.headSize / 2);
      const std::vector<double> sin(tables.sin.row(p), tables.sin.row(p) + s.headSize / 2);
      std::vector<double> y(x0.begin() + r * cols, x0.begin() + (r + 1) * cols), dy = y;
      for (std::int64_t h = 0; h < s.heads; h++) {
        reference::ropeRotate(y.data() + h * s.headSize, cos.data(), sin.data(), s.headSize, 1.0);
        reference::ropeRotate(dy.data() + h * s.headSize, cos.data(), sin.data(), s.headSize, -1.0);
      }
      for (std::int64_t c = 0; c < cols; c++) {  // three roundings of numbers below 1 or 2
        CHECK_NEAR(static_cast<double>(forward[r * cols + c]), y[c], 0x1p-23, 0);
        CHECK_NEAR(static_cast<double>(backward[r * cols + c]), dy[c], 0x1p-23, 0);
      }
    }
  }
}

TEST("rope: a row's bits depend on its own position alone, and position 0 changes nothing") {
  const std::int64_t rows = 40, headSize = 40, cols = 5 * headSize;
  const Floats x0 = randomNumbers(rows * cols, 1);
  const std::vector<std::int32_t> positions = positionsOf(rows);
  onEveryDevice([&](Context& ctx) {
    Tables tables(headSize, ctx.device);
    Mirrored<std::int32_t> where(ctx.device, positions);
    Apart x(rows, cols, x0, ctx.device), y(rows, cols, x0, ctx.device);
    ctx.ops.rope.forward(ctx, x.view(), tables.cos.view(), tables.sin.view(), where.device(), headSize);
    for (std::int64_t r = 0; r < rows; r++) {
      ctx.ops.rope.forward(ctx, y.view().slice(r, 1), tables.cos.view(), tables.sin.view(), where.device() + r,
                            headSize);
      CHECK(sameNumbers(x.row(r), y.row(r), cols));
    }
    CHECK(sameNumbers(x.row(0), x0.data(), cols));
  });
}

TEST("rope: the reference's gradient, the opposite rotation, equals central differences") {
  const std::int64_t headSize = 6;
  const std::vector<double> cos = {0.9, -0.3, 0.1}, sin = {0.4358898943540674, 0.9539392014169456, 0.99498743710662};
  std::vector<double> x = randomNumbers<double>(headSize, 1), dx = randomNumbers<double>(headSize, 2);
  const std::vector<double> dy = dx;
  reference::ropeRotate(dx.data(), cos.data(), sin.data(), headSize, -1.0);
  const std::vector<double> expected = centralDifferences(x, [&] {
    std::vector<double> y = x;
    reference::ropeRotate(y.data(), cos.data(), sin.data(), headSize, 1.0);
    return dot(y, dy);
  });
  for (std::size_t i = 0; i < dx.size(); i++) CHECK_NEAR(dx[i], expected[i], 1e-6, 1e-6);
}

}  // namespace agl::test
