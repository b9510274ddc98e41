// The most multiply-adds a second that the cores give: independent chains in registers, nothing else.
// Prints GFLOP/s in float32 of argv[1] threads together. VECTOR_BYTES and the instruction set come from the command line
// of the compiler, which fuses the sums (-ffp-contract=fast) where it can.
#include <omp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

typedef float Vector __attribute__((vector_size(VECTOR_BYTES)));
constexpr int kLanes = VECTOR_BYTES / sizeof(float);

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
            Vector acc[12];
            for (auto& a : acc) a = Vector{} + float(attempt);
            const Vector x = Vector{} + 0.5f, y = Vector{} + 0.25f;
            for (long k = 0; k < rounds; ++k)
#pragma GCC unroll 12
                for (auto& a : acc) a = a * x + y;
            for (auto& a : acc) sink += a[0];
        }
        const double rate = 2.0 * kLanes * 12 * rounds * threads / (seconds() - start) / 1e9;
        if (rate > best && sink != 12345.f) best = rate;
    }
    std::printf("%.1f\n", best);
}
