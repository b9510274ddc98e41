// The most fused multiply-adds a second that the cores give: independent chains in registers, nothing else.
// Prints GFLOP/s in float32 of argv[1] threads together.
#include <immintrin.h>
#include <omp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

static double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int, char** argv) {
    const int threads = std::atoi(argv[1]);
    const long rounds = 4000000;
    double best = 0;
    for (int attempt = 0; attempt < 15; ++attempt) {
        const double start = seconds();
        float sink = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sink)
        {
            __m256 acc[12];
            for (auto& a : acc) a = _mm256_set1_ps(float(attempt));
            const __m256 x = _mm256_set1_ps(0.5f), y = _mm256_set1_ps(0.25f);
            for (long k = 0; k < rounds; ++k)
#pragma GCC unroll 12
                for (auto& a : acc) a = _mm256_fmadd_ps(a, x, y);
            for (auto& a : acc) sink += a[0];
        }
        const double rate = 2.0 * 8 * 12 * rounds * threads / (seconds() - start) / 1e9;
        if (rate > best && sink != 12345.f) best = rate;
    }
    std::printf("%.1f\n", best);
}
