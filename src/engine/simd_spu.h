// The SPU's operations on vectors of any instruction set, lane by lane the same FP32 operations as in
// src/numerics. A kernels_*.cc includes this file inside its target region, after everything it uses, so that
// what is defined here, and only that, is compiled for the instruction set.

// Vectors of an instruction set: FP32 lanes F, int32 lanes I and a mask M of lanes, each comparison giving
// one. add, sub and mul are fadd, fsub and fmul for a thread that holds a FlushToZero; shift_right is
// arithmetic.
template <typename S>
concept SpuSimd = 16 % S::kLanes == 0 &&
                  requires(typename S::F f, typename S::I i, typename S::M m, const float* in, float* out,
                           uint8_t* bytes, int16_t* int16s, int8_t* int8s) {
  { S::load(in) } -> std::same_as<typename S::F>;
  { S::load_fp16(bytes) } -> std::same_as<typename S::F>;
  { S::load_fp16_of_words(bytes) } -> std::same_as<typename S::F>;  // the low halves of 32-bit words
  S::load_pairs(in, &f, &f);  // kLanes pairs: even elements, odd elements
  S::store(out, f);
  S::store_int16(int16s, i);
  S::store_int8(int8s, i);

  { S::set(1.0f) } -> std::same_as<typename S::F>;
  { S::add(f, f) } -> std::same_as<typename S::F>;
  { S::sub(f, f) } -> std::same_as<typename S::F>;
  { S::mul(f, f) } -> std::same_as<typename S::F>;
  { S::lookup64(in, i) } -> std::same_as<typename S::F>;  // in[i], i in 0 ... 63

  { S::set_int(int32_t{1}) } -> std::same_as<typename S::I>;
  { S::add_int(i, i) } -> std::same_as<typename S::I>;
  { S::sub_int(i, i) } -> std::same_as<typename S::I>;
  { S::bit_and(i, i) } -> std::same_as<typename S::I>;
  { S::bit_or(i, i) } -> std::same_as<typename S::I>;
  { S::template shift_left<1>(i) } -> std::same_as<typename S::I>;
  { S::template shift_right<1>(i) } -> std::same_as<typename S::I>;
  { S::max_unsigned(i, i) } -> std::same_as<typename S::I>;
  { S::reduce_max(i) } -> std::same_as<uint32_t>;

  { S::bits(f) } -> std::same_as<typename S::I>;
  { S::floats(i) } -> std::same_as<typename S::F>;
  { S::to_float(i) } -> std::same_as<typename S::F>;

  { S::less(f, f) } -> std::same_as<typename S::M>;
  { S::equal_int(i, i) } -> std::same_as<typename S::M>;
  { S::greater_int(i, i) } -> std::same_as<typename S::M>;
  { S::select(m, f, f) } -> std::same_as<typename S::F>;

  // Of pairs of neighbouring lanes.
  { S::swap_pairs(f) } -> std::same_as<typename S::F>;
  { S::even_of_pairs(f) } -> std::same_as<typename S::F>;
  { S::odd_of_pairs(f) } -> std::same_as<typename S::F>;
  { S::negate_even(f) } -> std::same_as<typename S::F>;
};

template <SpuSimd Simd>
class SimdSpu : public Kernels {
  using F = typename Simd::F;
  using I = typename Simd::I;
  using M = typename Simd::M;
  static constexpr uint32_t kLanes = Simd::kLanes;

 public:
  float softmax(float* scores, uint32_t positions) const override {
    const uint32_t padded = (positions + 15) / 16 * 16;
    std::fill(scores + positions, scores + padded, -kInfinity);  // their exponential is +0
    F max = Simd::set(-kInfinity);
    for (uint32_t i = 0; i < padded; i += kLanes) {
      const F x = Simd::load(scores + i);
      max = Simd::select(Simd::less(max, x), x, max);
    }
    float lanes[kLanes];
    Simd::store(lanes, max);
    const F largest = Simd::set(*std::max_element(lanes, lanes + kLanes));

    F partial[16 / kLanes];
    for (F& sum : partial) sum = Simd::set(0.0f);
    for (uint32_t first = 0; first < padded; first += 16) {
      for (uint32_t part = 0; part < 16 / kLanes; ++part) {
        float* at = scores + first + part * kLanes;
        const F p = exp(Simd::sub(Simd::load(at), largest));
        Simd::store(at, p);
        partial[part] = Simd::add(partial[part], p);
      }
    }
    return total(partial);
  }

  void attention_weights(const float* p, const KvView& values, uint32_t positions, int16_t* mantissas,
                         int32_t* exponents, bool* overflow) const override {
    for (uint32_t first = 0; first < positions; first += kAttentionBlock) {
      const uint32_t n = std::min(kAttentionBlock, positions - first);
      alignas(64) float weights[kAttentionBlock] = {};
      uint32_t i = 0;
      for (; i + kLanes <= n; i += kLanes) {
        Simd::store(weights + i, Simd::mul(Simd::load(p + first + i), load_scales(values, first + i)));
      }
      for (; i < n; ++i) {
        uint16_t scale;
        std::memcpy(&scale, values.scale(first + i), sizeof(scale));
        weights[i] = fmul(p[first + i], fp16_to_float(scale));
      }
      exponents[first / kAttentionBlock] =
          convert_block<kAttentionBlock>(weights, mantissas + first, overflow);
    }
  }

  void scale(float* x, uint32_t n, float factor) const override {
    const F f = Simd::set(factor);
    uint32_t i = 0;
    for (; i + kLanes <= n; i += kLanes) Simd::store(x + i, Simd::mul(Simd::load(x + i), f));
    for (; i < n; ++i) x[i] = fmul(x[i], factor);
  }

  void add(float* x, const float* y, uint32_t n) const override {
    uint32_t i = 0;
    for (; i + kLanes <= n; i += kLanes) Simd::store(x + i, Simd::add(Simd::load(x + i), Simd::load(y + i)));
    for (; i < n; ++i) x[i] = fadd(x[i], y[i]);
  }

  float sum_of_squares(const float* x, uint32_t n) const override {
    F partial[16 / kLanes];
    for (F& sum : partial) sum = Simd::set(0.0f);
    const auto add_16 = [&](const float* from) {
      for (uint32_t part = 0; part < 16 / kLanes; ++part) {
        const F v = Simd::load(from + part * kLanes);
        partial[part] = Simd::add(partial[part], Simd::mul(v, v));
      }
    };
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) add_16(x + i);
    if (i < n) {
      float rest[16] = {};
      std::copy(x + i, x + n, rest);
      add_16(rest);
    }
    return total(partial);
  }

  void scale_by(float* x, const float* w, float factor, uint32_t n) const override {
    const F f = Simd::set(factor);
    uint32_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      Simd::store(x + i, Simd::mul(Simd::mul(Simd::load(x + i), Simd::load(w + i)), f));
    }
    for (; i < n; ++i) x[i] = fmul(fmul(x[i], w[i]), factor);
  }

  void rope(float* x, const float* row, uint32_t n) const override {
    uint32_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      const F v = Simd::load(x + i), r = Simd::load(row + i);
      const F straight = Simd::mul(v, Simd::even_of_pairs(r));                  // a cos, b cos
      const F crossed = Simd::mul(Simd::swap_pairs(v), Simd::odd_of_pairs(r));  // b sin, a sin
      Simd::store(x + i, Simd::add(straight, Simd::negate_even(crossed)));
    }
    for (; i < n; i += 2) {
      const float a = x[i], b = x[i + 1];
      const float cosine = row[i], sine = row[i + 1];
      x[i] = fsub(fmul(a, cosine), fmul(b, sine));
      x[i + 1] = fadd(fmul(a, sine), fmul(b, cosine));
    }
  }

  void rotate(float* x, uint32_t n) const override {
    const uint32_t size = rotation_size(n);
    for (uint32_t distance = 1; distance < size; distance *= 2) {
      for (uint32_t first = 0; first < n; first += 2 * distance) {
        float *low = x + first, *high = low + distance;
        uint32_t i = 0;
        for (; i + kLanes <= distance; i += kLanes) {
          const F a = Simd::load(low + i), b = Simd::load(high + i);
          Simd::store(low + i, Simd::add(a, b));
          Simd::store(high + i, Simd::sub(a, b));
        }
        for (; i < distance; ++i) {
          const float a = low[i], b = high[i];
          low[i] = fadd(a, b);
          high[i] = fsub(a, b);
        }
      }
    }
  }

  int32_t to_a16(const float* x, uint32_t n, int16_t* mantissas, bool* overflow) const override {
    alignas(64) float block[kMaxHeadSize] = {};
    std::copy(x, x + n, block);
    return n > kA16Block ? convert_block<kMaxHeadSize>(block, mantissas, overflow)
                         : convert_block<kA16Block>(block, mantissas, overflow);
  }

  void to_a16(const float* x, uint32_t n, A16Digits* out, bool* overflow) const override {
    convert([&](uint32_t i) { return Simd::load(x + i); }, [&](uint32_t i) { return x[i]; }, n, out,
            overflow);
  }

  void to_a16(const float* x, const float* w, uint32_t n, A16Digits* out, bool* overflow) const override {
    convert([&](uint32_t i) { return Simd::mul(Simd::load(x + i), Simd::load(w + i)); },
            [&](uint32_t i) { return fmul(x[i], w[i]); }, n, out, overflow);
  }

  void swiglu(Gate gate, const float* gate_up, float r, uint32_t n, A16Digits* out,
              bool* overflow) const override {
    if (gate == Gate::kGelu) return gated<Gate::kGelu>(gate_up, r, n, out, overflow);
    return gated<Gate::kSilu>(gate_up, r, n, out, overflow);
  }

  uint16_t to_kv8(const float* x, uint32_t n, int8_t* k) const override {
    alignas(64) float padded[kMaxHeadSize] = {};
    std::copy(x, x + n, padded);
    const float largest =
        n > kA16Block ? max_magnitude_of<kMaxHeadSize>(padded) : max_magnitude_of<kA16Block>(padded);
    uint16_t scale = float_to_fp16(fmul(largest, 1.0f / 127.0f)) & 0x7FFFu;
    if (scale >= 0x7C00u) scale = 0x7BFFu;
    const F inverse = Simd::set(scale == 0 ? 0.0f : reciprocal(fp16_to_float(scale)));
    const F lowest = Simd::set(-127.0f), highest = Simd::set(127.0f);
    alignas(64) int8_t bytes[kMaxHeadSize];
    for (uint32_t i = 0; i < n; i += kLanes) {
      F scaled = Simd::mul(Simd::load(padded + i), inverse);
      scaled = Simd::select(Simd::less(lowest, scaled), scaled, lowest);
      scaled = Simd::select(Simd::less(scaled, highest), scaled, highest);
      Simd::store_int8(bytes + i, round_lanes(scaled));
    }
    std::copy(bytes, bytes + n, k);
    return scale;
  }

  Kv4Scale to_kv4(const float* x, uint32_t n, uint8_t* record) const override {
    alignas(64) float padded[kMaxHeadSize] = {};
    std::copy(x, x + n, padded);
    F low = Simd::set(0.0f), high = Simd::set(0.0f);
    for (uint32_t i = 0; i < n; i += kLanes) {
      const F v = Simd::load(padded + i);
      low = Simd::select(Simd::less(v, low), v, low);
      high = Simd::select(Simd::less(high, v), v, high);
    }
    float lows[kLanes], highs[kLanes];
    Simd::store(lows, low);
    Simd::store(highs, high);
    const Kv4Scale result =
        kv4_scale(*std::min_element(lows, lows + kLanes), *std::max_element(highs, highs + kLanes));
    const F inverse = Simd::set(result.scale == 0 ? 0.0f : reciprocal(fp16_to_float(result.scale)));
    const F zero = Simd::set(fl(result.zero)), lowest = Simd::set(0.0f), highest = Simd::set(15.0f);
    alignas(64) int8_t bytes[kMaxHeadSize];
    for (uint32_t i = 0; i < n; i += kLanes) {
      F scaled = Simd::add(Simd::mul(Simd::load(padded + i), inverse), zero);
      scaled = Simd::select(Simd::less(lowest, scaled), scaled, lowest);
      scaled = Simd::select(Simd::less(scaled, highest), scaled, highest);
      Simd::store_int8(bytes + i, round_lanes(scaled));
    }
    for (uint32_t i = 0; i < n / 2; ++i)
      record[i] = static_cast<uint8_t>(bytes[2 * i] | bytes[2 * i + 1] << 4);
    return result;
  }

 protected:
  // Scales of K or V of kLanes positions.
  static F load_scales(const KvView& kv, uint32_t first) {
    return kv.format.bits == 4 ? Simd::load_fp16_of_words(kv.scale(first)) : Simd::load_fp16(kv.scale(first));
  }

 private:
  static F bits_or(F a, I b) { return Simd::floats(Simd::bit_or(Simd::bits(a), b)); }
  static I magnitude_bits(F x) { return Simd::bit_and(Simd::bits(x), Simd::set_int(0x7FFFFFFF)); }

  static F negate_lanes(F x) {
    const I sign = Simd::set_int(INT32_MIN);
    return Simd::floats(Simd::add_int(Simd::bits(x), sign));  // adding the top bit flips it
  }

  // round_to_int of every lane.
  static I round_lanes(F x) {
    const F magic = Simd::set(0x1.8p23f);
    return Simd::sub_int(Simd::bits(Simd::add(x, magic)), Simd::bits(magic));
  }

  // exp_fp32 of every lane.
  static F exp(F x) {
    const F lowest = Simd::set(kExpLowest), highest = Simd::set(kExpHighest);
    const M is_low = Simd::less(x, lowest);
    const F clamped = Simd::select(is_low, lowest, Simd::select(Simd::less(x, highest), x, highest));
    const I n = round_lanes(Simd::mul(clamped, Simd::set(kExpStepsPerUnit)));
    const F steps = Simd::to_float(n);
    const F r = Simd::sub(Simd::sub(clamped, Simd::mul(steps, Simd::set(kExpStepHigh))),
                          Simd::mul(steps, Simd::set(kExpStepLow)));
    const F p = Simd::add(r, Simd::mul(Simd::mul(r, r), Simd::set(0.5f)));
    const F t = Simd::lookup64(kExpTable.data(), Simd::bit_and(n, Simd::set_int(63)));
    const F scaled = Simd::add(t, Simd::mul(t, p));
    const I exponent = Simd::template shift_left<23>(Simd::template shift_right<6>(n));
    const F result = Simd::floats(Simd::add_int(Simd::bits(scaled), exponent));
    const F or_zero = Simd::select(is_low, Simd::set(0.0f), result);
    return Simd::select(is_nan_lanes(x), Simd::set(kNan), or_zero);
  }

  static M is_nan_lanes(F x) { return Simd::greater_int(magnitude_bits(x), Simd::set_int(0x7F800000)); }

  // reciprocal of every lane.
  static F reciprocal_lanes(F x) {
    const I bits = Simd::bits(x);
    const I sign = Simd::bit_and(bits, Simd::set_int(INT32_MIN));
    const I field = Simd::bit_and(Simd::template shift_right<23>(bits), Simd::set_int(0xFF));
    const F m = bits_or(Simd::set(1.0f), Simd::bit_and(bits, Simd::set_int(0x7FFFFF)));
    const F y0 = Simd::lookup64(kReciprocalTable.data(),
                                Simd::bit_and(Simd::template shift_right<17>(bits), Simd::set_int(63)));
    const F y1 = Simd::mul(y0, Simd::sub(Simd::set(2.0f), Simd::mul(m, y0)));
    const F y2 = Simd::add(y1, Simd::mul(y1, Simd::sub(Simd::set(1.0f), Simd::mul(m, y1))));
    const I exponent = Simd::template shift_left<23>(Simd::sub_int(Simd::set_int(127), field));
    F result = Simd::floats(Simd::add_int(Simd::bits(y2), exponent));
    result = Simd::select(Simd::greater_int(field, Simd::set_int(126 + 126)), Simd::set(0.0f), result);
    result = Simd::select(Simd::equal_int(field, Simd::set_int(0)), Simd::set(kInfinity), result);
    return Simd::select(is_nan_lanes(x), Simd::set(kNan), bits_or(result, sign));
  }

  // What the negated exponent of a gate's sigmoid is: x, or gelu's u.
  template <Gate gate>
  static F gate_argument(F x) {
    if constexpr (gate == Gate::kSilu) return x;
    const F cubic = Simd::mul(Simd::mul(x, x), Simd::set(kGeluCubic));
    return Simd::mul(x, Simd::add(cubic, Simd::set(kGeluLinear)));
  }

  template <Gate gate>
  static void gated(const float* gate_up, float r, uint32_t n, A16Digits* out, bool* overflow) {
    const F factor = Simd::set(r);
    const auto lanes = [&](uint32_t i) {
      F g, up;
      Simd::load_pairs(gate_up + 2 * i, &g, &up);
      const F x = Simd::mul(g, factor);
      const F denominator = Simd::add(Simd::set(1.0f), exp(negate_lanes(gate_argument<gate>(x))));
      return Simd::mul(Simd::mul(x, reciprocal_lanes(denominator)), Simd::mul(up, factor));
    };
    const auto one = [&](uint32_t i) {
      const float x = fmul(gate_up[2 * i], r);
      return fmul(gate == Gate::kGelu ? gelu(x) : silu(x), fmul(gate_up[2 * i + 1], r));
    };
    convert(lanes, one, n, out, overflow);
  }

  // Sum16::total of partial sums that stand in lanes.
  static float total(const F (&partial)[16 / kLanes]) {
    Sum16 sum;
    for (uint32_t part = 0; part < 16 / kLanes; ++part)
      Simd::store(&sum.partial[part * kLanes], partial[part]);
    return sum.total();
  }

  template <uint32_t n>
  static float max_magnitude_of(const float* x) {
    I max = Simd::set_int(0);
    for (uint32_t i = 0; i < n; i += kLanes) max = Simd::max_unsigned(max, magnitude_bits(Simd::load(x + i)));
    return float_from_bits(Simd::reduce_max(max));
  }

  // brim::to_a16 of n elements.
  template <uint32_t n>
  static int32_t convert_block(const float* x, int16_t* mantissas, bool* overflow) {
    int32_t e = a16_exponent(max_magnitude_of<n>(x));
    if (e > kA16MaxExponent) {
      *overflow = true;
      std::fill(mantissas, mantissas + n, int16_t{0});
      return 0;
    }
    const F factor = Simd::set(power_of_two(-e));
    for (uint32_t i = 0; i < n; i += kLanes) {
      Simd::store_int16(mantissas + i, round_lanes(Simd::mul(Simd::load(x + i), factor)));
    }
    return e;
  }

  // A16 blocks of n elements: lanes(i) gives elements i .. i + kLanes - 1, one(i) element i.
  template <typename Lanes, typename One>
  static void convert(const Lanes& lanes, const One& one, uint32_t n, A16Digits* out, bool* overflow) {
    for (uint32_t first = 0; first < n; first += kA16Block) {
      const uint32_t here = std::min<uint32_t>(kA16Block, n - first);
      alignas(64) float block[kA16Block];
      if (here < kA16Block) std::fill(block, block + kA16Block, 0.0f);
      uint32_t i = 0;
      for (; i + kLanes <= here; i += kLanes) Simd::store(block + i, lanes(first + i));
      for (; i < here; ++i) block[i] = one(first + i);
      alignas(64) int16_t mantissas[kA16Block];
      const int32_t exponent = convert_block<kA16Block>(block, mantissas, overflow);
      out[first / kA16Block].assign(mantissas, exponent);
    }
  }
};
