// The formulas of attention.h as plain loops over one query head; the tests run them in double.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace agl::reference {

// `count` keys and values of headSize numbers, one row each; a query that sees all of them.
template <class T>
struct AttentionKeys {
  const std::vector<std::vector<T>>& k;
  const std::vector<std::vector<T>>& v;
  std::int64_t count;
  std::int64_t headSize;
  T scale;
};

// p[j] = softmax(scale q . k[j]); returns log-sum-exp of the scores.
template <class T>
T attentionWeights(std::vector<T>& p, const T* q, const AttentionKeys<T>& keys) {
  p.assign(static_cast<std::size_t>(keys.count), T{0});
  T most = -INFINITY;
  for (std::int64_t j = 0; j < keys.count; j++) {
    for (std::int64_t d = 0; d < keys.headSize; d++) p[j] += q[d] * keys.k[j][d];
    p[j] *= keys.scale;
    most = std::fmax(most, p[j]);
  }
  T sum = 0;
  for (std::int64_t j = 0; j < keys.count; j++) sum += std::exp(p[j] - most);
  const T lse = most + std::log(sum);
  for (std::int64_t j = 0; j < keys.count; j++) p[j] = std::exp(p[j] - lse);
  return lse;
}

// Returns lse.
template <class T>
T attentionForward(T* out, const T* q, const AttentionKeys<T>& keys) {
  std::vector<T> p;
  const T lse = attentionWeights(p, q, keys);
  for (std::int64_t d = 0; d < keys.headSize; d++) {
    out[d] = 0;
    for (std::int64_t j = 0; j < keys.count; j++) out[d] += p[j] * keys.v[j][d];
  }
  return lse;
}

// dq[d], dk[j][d], dv[j][d] += this query's part.
template <class T>
void attentionBackward(T* dq, std::vector<std::vector<T>>& dk, std::vector<std::vector<T>>& dv, const T* dout,
                       const T* q, const AttentionKeys<T>& keys) {
  std::vector<T> p;
  std::vector<T> out(static_cast<std::size_t>(keys.headSize));
  attentionForward(out.data(), q, keys);
  attentionWeights(p, q, keys);
  T delta = 0;
  for (std::int64_t d = 0; d < keys.headSize; d++) delta += dout[d] * out[d];
  for (std::int64_t j = 0; j < keys.count; j++) {
    T dp = 0;
    for (std::int64_t d = 0; d < keys.headSize; d++) dp += dout[d] * keys.v[j][d];
    const T ds = p[j] * (dp - delta) * keys.scale;
    for (std::int64_t d = 0; d < keys.headSize; d++) {
      dq[d] += ds * keys.k[j][d];
      dk[j][d] += ds * q[d];
      dv[j][d] += p[j] * dout[d];
    }
  }
}

}  // namespace agl::reference
