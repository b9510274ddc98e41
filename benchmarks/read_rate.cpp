// How fast the cores read what they read over and over, as a layer its weights at every step.
// Prints GB/s of argv[1] threads together, of which each reads its own argv[2] bytes. VECTOR_BYTES and the instruction set
// come from the command line of the compiler.
#include <omp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

typedef float Vector __attribute__((vector_size(VECTOR_BYTES)));
constexpr int kChains = 8;  // sums side by side, so that none waits for another

static double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static float read(const Vector* buffer, long vectors, long rounds) {
    Vector sum[kChains] = {};
    for (long round = 0; round < rounds; ++round) {
        for (long k = 0; k + kChains <= vectors; k += kChains)
#pragma GCC unroll 8
            for (int chain = 0; chain < kChains; ++chain) sum[chain] += buffer[k + chain];
        asm volatile("" ::: "memory");  // or one round would do for all
    }
    float total = 0;
    for (const Vector& one : sum) total += one[0];
    return total;
}

int main(int, char** argv) {
    const int threads = std::atoi(argv[1]);
    const long vectors = std::atol(argv[2]) / VECTOR_BYTES / kChains * kChains;
    const long rounds = 400000000 / (vectors * VECTOR_BYTES) + 1;
    double best = 0;
    for (int attempt = 0; attempt < 15; ++attempt) {
        float sink = 0;
        double slowest = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sink) reduction(max : slowest)
        {
            const std::vector<Vector> own(vectors, Vector{} + 1.0f);
            sink += read(own.data(), vectors, 1);
#pragma omp barrier
            const double start = seconds();
            sink += read(own.data(), vectors, rounds);
            slowest = seconds() - start;
        }
        const double rate = double(rounds) * vectors * VECTOR_BYTES * threads / slowest / 1e9;
        if (rate > best && sink != 12345.f) best = rate;
    }
    std::printf("%.1f\n", best);
}
