// One SIMD register of T and the mathematics on it. The width comes from the instruction set this file is compiled
// for (native/kernels.inc); everything above is written once in terms of Vec.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace memcell {
namespace MEMCELL_ISA {

#if defined(__AVX2__) && defined(__FMA__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
struct VecOf;
template <>
struct VecOf<float> {
    typedef float type __attribute__((vector_size(kVectorBytes)));
    typedef std::int32_t bits __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VecOf<double> {
    typedef double type __attribute__((vector_size(kVectorBytes)));
    typedef std::int64_t bits __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
using Bits = typename VecOf<T>::bits;

#define MEMCELL_INLINE inline __attribute__((always_inline))

template <class T>
MEMCELL_INLINE Vec<T> load(const T* p) {
    Vec<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class T>
MEMCELL_INLINE void store(T* p, Vec<T> v) {
    std::memcpy(p, &v, sizeof v);
}
// The last panel of units may be narrower than a register: n lanes count, the rest read as 0 and are not written.
template <class T>
MEMCELL_INLINE Vec<T> load(const T* p, int n) {
    if (n == kLanes<T>) return load(p);
    Vec<T> v = {};
    for (int j = 0; j < n; ++j) v[j] = p[j];
    return v;
}
template <class T>
MEMCELL_INLINE void store(T* p, Vec<T> v, int n) {
    if (n == kLanes<T>) return store(p, v);
    for (int j = 0; j < n; ++j) p[j] = v[j];
}
template <class T>
MEMCELL_INLINE Vec<T> splat(T s) {
    return s - Vec<T>{};
}

// a * b + c. The build turns contraction off, so that one source line rounds the same way wherever it is inlined:
// results must not depend on the tile a row happens to fall into.
#if defined(__AVX2__) && defined(__FMA__)
MEMCELL_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
MEMCELL_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#else
template <class V>
MEMCELL_INLINE V fma(V a, V b, V c) {
    return a * b + c;
}
#endif

template <class T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
    static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr int mantissa = 23, bias = 127, degree = 7;
    static constexpr float saturation = 17.0f;  // tanh and sigmoid round to 1 beyond it
};
template <>
struct ExpConstants<double> {
    static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
    static constexpr int mantissa = 52, bias = 1023, degree = 13;
    static constexpr double saturation = 38.0;
};

template <class T>
struct InverseFactorials {
    T of[ExpConstants<T>::degree + 1] = {};
    constexpr InverseFactorials() {
        double factorial = 1;
        for (int k = 1; k <= ExpConstants<T>::degree; ++k) of[k] = T(1 / (factorial *= k));
    }
};

// x clamped to [low, high]; NaN stays NaN because every comparison with it is false.
template <class T>
MEMCELL_INLINE Vec<T> clamp(Vec<T> x, T low, T high) {
    const Vec<T> at_most = splat<T>(high), at_least = splat<T>(low);
    x = x > at_most ? at_most : x;
    return x < at_least ? at_least : x;
}

// exp(x) = scale * (1 + minus_one): Cody and Waite's reduction x = n ln 2 + r, |r| <= ln 2 / 2, then the Taylor
// series of exp(r) - 1, whose remainder there is below half a unit in the last place.
template <class T>
struct ExpParts {
    Vec<T> scale, minus_one;
};
template <class T>
MEMCELL_INLINE ExpParts<T> exp_parts(Vec<T> x) {
    using C = ExpConstants<T>;
    const Vec<T> shifted = fma(x, splat<T>(T(1.4426950408889634074)), splat<T>(C::round));
    const Vec<T> n = shifted - C::round;
    Vec<T> r = fma(n, splat<T>(-C::ln2_high), x);
    r = fma(n, splat<T>(-C::ln2_low), r);
    constexpr InverseFactorials<T> inverse;
    Vec<T> p = splat<T>(inverse.of[C::degree]);
#pragma GCC unroll 16
    for (int k = C::degree - 1; k >= 1; --k) p = fma(p, r, splat<T>(inverse.of[k]));
    Bits<T> exponent;
    std::memcpy(&exponent, &shifted, sizeof exponent);
    exponent = (exponent + C::bias) << C::mantissa;  // the low bits of `shifted` hold n
    ExpParts<T> parts;
    std::memcpy(&parts.scale, &exponent, sizeof exponent);
    parts.minus_one = p * r;
    return parts;
}

template <class T>
MEMCELL_INLINE Vec<T> sigmoid(Vec<T> x) {
    // At `high` exp(-x) is infinite and the result exactly 0, as in the reference. At the other end exp(-x) must stay
    // a normal number, because exp_parts has no exponent for less; the result there is 1 long before.
    const T low = -ExpConstants<T>::saturation, high = sizeof(T) == 4 ? T(89) : T(710);
    const ExpParts<T> e = exp_parts<T>(clamp<T>(-x, low, high));
    return T(1) / (T(1) + e.scale * (T(1) + e.minus_one));
}

// (exp(2x) - 1) / (exp(2x) + 1), with exp(2x) - 1 formed without cancellation so that small x keeps its digits.
template <class T>
MEMCELL_INLINE Vec<T> tanh(Vec<T> x) {
    const T limit = ExpConstants<T>::saturation * 2;
    const ExpParts<T> e = exp_parts<T>(clamp<T>(x + x, -limit, limit));
    const Vec<T> em1 = fma(e.scale, e.minus_one, e.scale - T(1));
    return em1 / (em1 + T(2));
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
