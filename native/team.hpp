// Threads that share the units of the same sequences and meet after every time step.
#pragma once
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace memcell {

// A central barrier of a fixed number of threads (Mellor-Crummey and Scott, "Algorithms for scalable synchronization on
// shared-memory multiprocessors", 1991, section 3.1). Who waits spins for some microseconds, which is longer than a
// balanced step takes, then lets others have the core.
class alignas(64) Barrier {
  public:
    explicit Barrier(int count) : count_(count) {}

    void wait() {
        if (count_ == 1) return;
        const unsigned round = round_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
            if (spins > kSpins) sched_yield();
#if defined(__x86_64__)
            _mm_pause();
#elif defined(__aarch64__)
            __asm__ volatile("isb");  // `yield` takes no time on most of these processors
#endif
        }
    }

  private:
    static constexpr int kSpins = 1000;
    const int count_;
    std::atomic<int> arrived_{0};
    alignas(64) std::atomic<unsigned> round_{0};
};

// While it lives, this thread takes numbers below the normal range for 0: a state that decays does not slow down the
// arithmetic, which on some processors takes a hundred cycles for each such number.
class DenormalsAreZero {
  public:
#if defined(__x86_64__)
    DenormalsAreZero() : before_(_mm_getcsr()) { mode(before_ | kFlushToZero | kDenormalsAreZero); }
#elif defined(__aarch64__)
    DenormalsAreZero() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
        mode(before_ | kFlushToZero);
    }
#endif
#if defined(__x86_64__) || defined(__aarch64__)
    ~DenormalsAreZero() { mode(before_); }
    DenormalsAreZero(const DenormalsAreZero&) = delete;
    DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

  private:
#if defined(__x86_64__)
    static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
    static void mode(unsigned bits) { _mm_setcsr(bits); }
    unsigned before_;
#else
    static constexpr std::uint64_t kFlushToZero = 1 << 24;  // of what goes in and of what comes out
    static void mode(std::uint64_t bits) { __asm__ volatile("msr fpcr, %0" : : "r"(bits) : "memory"); }
    std::uint64_t before_;
#endif
#endif
};

// One thread of a team and its part of any work that can be split.
struct Member {
    int index, count;
    Barrier& barrier;

    struct Range {
        std::ptrdiff_t first, last;
    };
    // This member's part of 0 .. size in whole multiples of `grain`.
    Range part(std::ptrdiff_t size, std::ptrdiff_t grain) const {
        const std::ptrdiff_t grains = (size + grain - 1) / grain;
        return {std::min(size, grains * index / count * grain), std::min(size, grains * (index + 1) / count * grain)};
    }
    void wait() const { barrier.wait(); }
};

// On teams x members threads: prepare(everyone), then run(team, member) of every team, then finish(everyone), each after
// all threads have done the one before. Where OpenMP gives fewer threads, one does it all.
template <class Prepare, class Run, class Finish>
void run_teams(int teams, int members, Prepare&& prepare, Run&& run, Finish&& finish) {
    Barrier nobody_else(1);
    const auto one_does_it_all = [&] {
        const DenormalsAreZero guard;
        const Member alone{0, 1, nobody_else};
        prepare(alone);
        for (int team = 0; team < teams; ++team) run(team, alone);
        finish(alone);
    };
    if (teams * members == 1) return one_does_it_all();
    std::deque<Barrier> barriers;
    for (int team = 0; team < teams; ++team) barriers.emplace_back(members);
    Barrier all(teams * members);
#pragma omp parallel num_threads(teams * members)
    {
        const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        if (threads == teams * members) {
            const DenormalsAreZero guard;
            const Member everyone{thread, threads, all};
            prepare(everyone);
            everyone.wait();
            run(thread / members, Member{thread % members, members, barriers[thread / members]});
            everyone.wait();
            finish(everyone);
        } else if (thread == 0) {
            one_does_it_all();
        }
    }
}

}  // namespace memcell
