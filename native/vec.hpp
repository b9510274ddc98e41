// One SIMD register of T and the mathematics on it. The width comes from the instruction set this file is compiled
// for (CMakeLists.txt); everything above is written once in terms of Vec.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#elif defined(MEMCELL_NEON)
#include <arm_neon.h>
#endif

namespace memcell {
namespace MEMCELL_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__) && defined(__FMA__)
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
// at_most and at_least bound x by a constant; where x is NaN the result is NaN, which the order of the operands decides.
#define MEMCELL_ARITHMETIC(T, Register, prefix, suffix)                                       \
    MEMCELL_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {                                 \
        return (Vec<T>)prefix##_fmadd_##suffix((Register)a, (Register)b, (Register)c);        \
    }                                                                                         \
    MEMCELL_INLINE Vec<T> at_most(Vec<T> x, T high) {                                         \
        return (Vec<T>)prefix##_min_##suffix(prefix##_set1_##suffix(high), (Register)x);      \
    }                                                                                         \
    MEMCELL_INLINE Vec<T> at_least(Vec<T> x, T low) {                                         \
        return (Vec<T>)prefix##_max_##suffix(prefix##_set1_##suffix(low), (Register)x);       \
    }
#if defined(__AVX512F__)
MEMCELL_ARITHMETIC(float, __m512, _mm512, ps)
MEMCELL_ARITHMETIC(double, __m512d, _mm512, pd)
#elif defined(__AVX2__) && defined(__FMA__)
MEMCELL_ARITHMETIC(float, __m256, _mm256, ps)
MEMCELL_ARITHMETIC(double, __m256d, _mm256, pd)
#else
#if defined(MEMCELL_NEON)
MEMCELL_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
MEMCELL_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
template <class V>
MEMCELL_INLINE V fma(V a, V b, V c) {
    return a * b + c;
}
#endif
template <class V, class T>
MEMCELL_INLINE V at_most(V x, T high) {
    const V bound = high - V{};
    return x > bound ? bound : x;
}
template <class V, class T>
MEMCELL_INLINE V at_least(V x, T low) {
    const V bound = low - V{};
    return x < bound ? bound : x;
}
#endif

// Exponentials after Cody and Waite, "Software manual for the elementary functions" (1980), chapter 6: an integer part
// that becomes the exponent, and a polynomial for the rest.
//
// q of 2^r - 1 = r q(r) for |r| <= 1/2, lowest power first. In float a minimax fit with a relative error of 1.1e-8; in
// double the Taylor series, whose remainder is below half a unit in the last place.
template <class T>
struct Exp2Constants;
template <>
struct Exp2Constants<float> {
    static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float saturation = 26.0f;  // tanh and sigmoid round to 1 beyond 2^26
    static constexpr float infinite = 128.4f;   // its nearest integer has the exponent of infinity
    static constexpr float q[] = {0.6931471879267115f,   0.24022649794964643f,   0.05550357433541453f,
                                  0.009618237493799715f, 0.0013390735528318774f, 0.00015403512810151828f};
};
template <>
struct Exp2Constants<double> {
    static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double saturation = 56.0, infinite = 1024.4;
    // ln(2)^k / k!
    static constexpr double q[] = {6.931471805599453094e-1,  2.402265069591007123e-1,  5.550410866482157995e-2,
                                   9.618129107628477162e-3,  1.333355814642844342e-3,  1.540353039338160995e-4,
                                   1.525273380405984028e-5,  1.321548679014430948e-6,  1.017808600923969973e-7,
                                   7.054911620801123329e-9,  4.445538271870811498e-10, 2.567843599348820514e-11,
                                   1.369148885390412888e-12};
};

// 2^t = scale * (1 + minus_one), for t between 1 - bias and infinite.
template <class T>
struct Exp2Parts {
    Vec<T> scale, minus_one;
};
template <class T>
MEMCELL_INLINE Exp2Parts<T> exp2_parts(Vec<T> t) {
    using C = Exp2Constants<T>;
    constexpr int degree = sizeof(C::q) / sizeof(T) - 1;
    const Vec<T> shifted = t + C::round;  // the low bits hold the nearest integer
    const Vec<T> r = t - (shifted - C::round);
    Vec<T> q = splat<T>(C::q[degree]);
#pragma GCC unroll 16
    for (int k = degree - 1; k >= 0; --k) q = fma(q, r, splat<T>(C::q[k]));
    Bits<T> exponent;
    std::memcpy(&exponent, &shifted, sizeof exponent);
    exponent = (exponent + C::bias) << C::mantissa;
    Exp2Parts<T> parts;
    std::memcpy(&parts.scale, &exponent, sizeof exponent);
    parts.minus_one = q * r;
    return parts;
}

constexpr double kLog2E = 1.4426950408889634074;

// 1 / (1 + 2^t), t = -x log2(e). At the upper bound 2^t is infinite and the result exactly 0, as in the reference; at
// the lower one 2^t must stay a normal number, and the result is 1 long before.
template <class T>
MEMCELL_INLINE Vec<T> sigmoid(Vec<T> x) {
    using C = Exp2Constants<T>;
    const Exp2Parts<T> e = exp2_parts<T>(at_least(at_most(x * T(-kLog2E), C::infinite), -C::saturation));
    return T(1) / (e.scale * (e.minus_one + T(1)) + T(1));
}

// e^-x for x > 0, 1 for the rest. What is below the smallest normal number is 0.
template <class T>
MEMCELL_INLINE Vec<T> exp_of_negative(Vec<T> x) {
    constexpr T lowest = 1 - Exp2Constants<T>::bias;
    const Vec<T> t = at_most(x * T(-kLog2E), T(0));
    const Exp2Parts<T> e = exp2_parts<T>(at_least(t, lowest));
    return t < lowest ? Vec<T>{} : e.scale * (e.minus_one + T(1));
}

// (e^2x - 1) / (e^2x + 1), with e^2x - 1 formed without cancellation so that small x keeps its digits.
template <class T>
MEMCELL_INLINE Vec<T> tanh(Vec<T> x) {
    using C = Exp2Constants<T>;
    const Exp2Parts<T> e = exp2_parts<T>(at_least(at_most(x * T(2 * kLog2E), C::saturation), -C::saturation));
    const Vec<T> minus_one = fma(e.scale, e.minus_one, e.scale - T(1));
    return minus_one / (minus_one + T(2));
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
