// Missing values, filled with the last one of their channel, which decays towards the mean (0) with the time since it was
// seen (Che et al., GRU-D, arXiv 1606.01865, eq. 4), and what their gradients owe to the rates of decay.
#pragma once
#include "steps.hpp"

namespace memcell {
namespace MEMCELL_ISA {

// As many rows as a register has lanes are as many registers as there are channels: what is given by channel, repeated
// row by row, lies beside them without a gap.
template <class T>
class FillPass {
  public:
    explicit FillPass(const Gaps<T>& in) : in_(in), rates_(in.channels * kLanes<T>) {
        for (std::ptrdiff_t at = 0; at < in.channels * kLanes<T>; ++at) rates_.get()[at] = in.rate[at % in.channels];
    }

    // The registers of a member's rows: body(first number, how many there are, the number's place in the block).
    template <class Body>
    void for_registers(const Member& member, Body&& body) const {
        const Member::Range rows = member.part(in_.rows, kLanes<T>);
        std::ptrdiff_t place = 0;
        for_unit_registers<T>({rows.first * in_.channels, rows.last * in_.channels}, [&](std::ptrdiff_t at, int lanes) {
            body(at, lanes, place);
            place += kLanes<T>;
            if (place == in_.channels * kLanes<T>) place = 0;
        });
    }

    // exp(-max(rate, 0) since) last
    Vec<T> faded(std::ptrdiff_t at, int lanes, std::ptrdiff_t place) const {
        return exp_of_negative<T>(load(rates_.get() + place) * load(in_.since + at, lanes)) * load(in_.last + at, lanes);
    }

    Vec<T> rate(std::ptrdiff_t place) const { return load(rates_.get() + place); }

  private:
    const Gaps<T>& in_;
    Scratch<T> rates_;
};

template <class T>
void fill(const Gaps<T>& in, const T* values, T* filled) {
    const FillPass<T> pass(in);
    run_teams(
        1, in.threads, [](const Member&) {},
        [&](int, const Member& member) {
            pass.for_registers(member, [&](std::ptrdiff_t at, int lanes, std::ptrdiff_t place) {
                store(filled + at, load(values + at, lanes) + pass.faded(at, lanes, place), lanes);
            });
        },
        [](const Member&) {});
}

// A rate of 0 or more has a gradient, a negative one, which counts as 0, has none.
template <class T>
void fill_backward(const Gaps<T>& in, const T* d_filled, T* d_rate) {
    const FillPass<T> pass(in);
    std::vector<std::vector<T>> sums(in.threads, std::vector<T>(in.channels * kLanes<T>, T(0)));  // of each place
    run_teams(
        1, in.threads, [](const Member&) {},
        [&](int, const Member& member) {
            T* own = sums[member.index].data();
            pass.for_registers(member, [&](std::ptrdiff_t at, int lanes, std::ptrdiff_t place) {
                const Vec<T> d = load(d_filled + at, lanes) * load(in.since + at, lanes) * pass.faded(at, lanes, place);
                store(own + place, load(own + place) - (pass.rate(place) >= Vec<T>{} ? d : Vec<T>{}));
            });
        },
        [](const Member&) {});
    std::fill(d_rate, d_rate + in.channels, T(0));
    for (const std::vector<T>& own : sums)
        for (std::size_t at = 0; at < own.size(); ++at) d_rate[at % in.channels] += own[at];
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
