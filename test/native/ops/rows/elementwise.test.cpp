#include "ops/rows/elementwise.h"

#include "core/half.h"
#include "ops/backends.h"
#include "ops/rows/elementwise.reference.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, cols;
};
constexpr Shape kShapes[] = {{1, 1}, {3, 5}, {4, 33}, {17, 31}, {130, 97}, {1, 300'001}, {700, 400}};

}  // namespace

TEST("elementwise: add and addScaled round product and sum separately, the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const Floats y0 = randomNumbers(s.rows * s.cols, 1), x0 = randomNumbers(s.rows * s.cols, 2);
    Floats sum = y0, scaled = y0;
    reference::add(sum.data(), x0.data(), s.rows * s.cols);
    reference::addScaled(scaled.data(), x0.data(), 0.1F, s.rows * s.cols);
    onEveryDevice([&](Context& ctx) {
      Apart y(s.rows, s.cols, y0, ctx.device), z(s.rows, s.cols, y0, ctx.device), x(s.rows, s.cols, x0, ctx.device);
      ctx.ops.elementwise.add(ctx, y.view(), x.view());
      ctx.ops.elementwise.addScaled(ctx, z.view(), x.view(), 0.1F);
      CHECK(y.equals(sum));
      CHECK(z.equals(scaled));
    });
  }
}

TEST("elementwise: addBias adds the bias to every row, and sumRows adds the rows in ascending order") {
  for (const Shape s : kShapes) {
    Floats y0 = randomNumbers(s.rows * s.cols, 1), b0 = randomNumbers(s.cols, 2);
    Floats biased = y0, summed = b0;
    reference::addBias(biased.data(), b0.data(), s.rows, s.cols);
    reference::sumRows(summed.data(), y0.data(), s.rows, s.cols);
    onEveryDevice([&](Context& ctx) {
      Apart y(s.rows, s.cols, y0, ctx.device), b(1, s.cols, b0, ctx.device);
      ctx.ops.elementwise.addBias(ctx, y.view(), b.view());
      CHECK(y.equals(biased));
      Apart dy(s.rows, s.cols, y0, ctx.device);
      ctx.ops.elementwise.sumRows(ctx, b.view(), dy.view());
      CHECK(b.equals(summed));
    });
  }
}

TEST("elementwise: keep writes each row to its slot and no other, in f32 as it is and in bf16 rounded") {
  const std::int64_t rows = 5, cols = 19, slots = 9;
  const std::vector<std::int32_t> slot = {7, 0, 3, 8, 2};
  const Floats x0 = randomNumbers(rows * cols, 1);
  onEveryDevice([&](Context& ctx) {
    for (const bool placed : {true, false}) {
      Mirrored<float> wide(ctx.device, Floats(static_cast<std::size_t>(slots * cols), 5.0F));
      Mirrored<std::uint16_t> narrow(ctx.device, std::vector<std::uint16_t>(wide.host().size(), f32ToBf16(5.0F)));
      Mirrored<std::int32_t> places(ctx.device, slot);
      Apart x(rows, cols, x0, ctx.device);
      const std::int32_t* where = placed ? places.device() : nullptr;
      ctx.ops.elementwise.keep(ctx, matrix(wide.device(), slots, cols), x.view(), where);
      ctx.ops.elementwise.keep(ctx, {narrow.device(), Dtype::bf16, slots, cols, cols}, x.view(), where);
      Floats expected(wide.host().size(), 5.0F);
      for (std::int64_t r = 0; r < rows; r++) {
        std::copy_n(x0.data() + r * cols, cols, expected.data() + (placed ? slot[static_cast<std::size_t>(r)] : r) * cols);
      }
      CHECK(sameNumbers(wide.host(), expected));
      for (std::size_t i = 0; i < expected.size(); i++) CHECK(narrow.host()[i] == f32ToBf16(expected[i]));
    }
  });
}

TEST("elementwise: the reference's sumRows is the bias's gradient, by central differences") {
  const std::int64_t rows = 4, cols = 5;
  const std::vector<double> y0 = randomNumbers<double>(rows * cols, 1), dy = randomNumbers<double>(rows * cols, 2);
  std::vector<double> b = randomNumbers<double>(cols, 3), db(b.size(), 0.1);
  reference::sumRows(db.data(), dy.data(), rows, cols);
  const std::vector<double> expected = centralDifferences(b, [&] {
    std::vector<double> y = y0;
    reference::addBias(y.data(), b.data(), rows, cols);
    return dot(y, dy);
  });
  for (std::size_t i = 0; i < db.size(); i++) CHECK_NEAR(db[i] - 0.1, expected[i], 1e-6, 1e-6);
}

TEST("elementwise: the gradient of addScaled is the scaled gradient, by central differences") {
  const double s = 0.7;
  const std::vector<double> y0 = randomNumbers<double>(12, 1), dy = randomNumbers<double>(12, 2);
  std::vector<double> x = randomNumbers<double>(12, 3), dx(12, 0.1);
  reference::addScaled(dx.data(), dy.data(), s, 12);
  const std::vector<double> expected = centralDifferences(x, [&] {
    std::vector<double> y = y0;
    reference::addScaled(y.data(), x.data(), s, 12);
    return dot(y, dy);
  });
  for (std::size_t i = 0; i < dx.size(); i++) CHECK_NEAR(dx[i] - 0.1, expected[i], 1e-6, 1e-6);
}

}  // namespace agl::test
