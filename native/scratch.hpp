// Aligned scratch memory of one call.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace memcell {

// When set (tests only), scratch starts as NaN instead of whatever lay there: a kernel that reads what it never wrote
// then shows it.
inline bool& poison_scratch() {
    static bool poison = false;
    return poison;
}

template <class T>
class Scratch {
  public:
    explicit Scratch(std::ptrdiff_t size) {
        if (size == 0) return;
        const std::size_t bytes = (static_cast<std::size_t>(size) * sizeof(T) + 63) / 64 * 64;
        data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
        if (data_ == nullptr) throw std::bad_alloc();
        if (poison_scratch())
            for (std::ptrdiff_t j = 0; j < size; ++j) data_[j] = std::numeric_limits<T>::quiet_NaN();
    }
    Scratch(Scratch&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { std::free(data_); }
    T* get() const { return data_; }

  private:
    T* data_ = nullptr;
};

}  // namespace memcell
