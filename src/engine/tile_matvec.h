// A matrix times many tokens on tiles: registers of 16 rows of 64 bytes, which one instruction multiplies. To
// be included like simd_spu.h; but for the tiles all is plain C++, so that it can be tested where there are
// none.

// Tiles with so many rows each, of 64 bytes; given back when destroyed. Tile numbers are constants.
template <typename Tiles>
concept TileUnit = std::constructible_from < Tiles,
        const std::array<uint8_t, 8>
& > &&requires(Tiles tiles, const void* from, void* to, uint64_t stride) {
  tiles.template zero<0>();
  tiles.template load<0>(from, stride);  // rows `stride` bytes apart
  tiles.template store<0>(to, stride);
  // multiply<c, a, b>: dword n of c's row m += the dot products of four int8, of dword k of
  // a's row m with dword n of b's row k, over all k.
  tiles.template multiply<0, 2, 6>();
};

// `Kernels::matvec`. Tokens are rows of a tile, as their digits stand in memory; of weights, dword k of 16
// rows is a row. Zero-points are taken off the weights beforehand, which are int8 then: the sums are the same
// integers.
template <TileUnit Tiles>
class TileMatvec {
 public:
  static void run(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
                  float* out, uint64_t out_stride) {
    switch (matrix.shape.columns) {
      case 4:
        return run_shape<4>(matrix, x, first_block, last_block, out, out_stride);
      case 2:
        return run_shape<2>(matrix, x, first_block, last_block, out, out_stride);
      default:
        return run_shape<1>(matrix, x, first_block, last_block, out, out_stride);
    }
  }

 private:
  static constexpr uint32_t kLanes = 16;  // rows of a tile, and dwords of such a row
  static constexpr uint32_t kVectorsPerPage = kGroupsPerPage / kLanes;
  typedef uint32_t Words __attribute__((vector_size(64)));
  typedef int32_t Integers __attribute__((vector_size(64)));
  typedef int8_t Bytes __attribute__((vector_size(64)));
  typedef float Floats __attribute__((vector_size(64)));

  // Tile numbers.
  enum : int { kSumHigh, kSumLow, kHighEven, kHighOdd, kLowEven, kLowOdd, kWeightsEven, kWeightsOdd };

  struct Page {
    Bytes weights[kVectorsPerPage][2][kLanes];  // [group / 16][odd][dword]: four elements of 16 rows
    Floats scales[kVectorsPerPage];
  };

  template <uint32_t columns>
  static void run_shape(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
                        float* out, uint64_t out_stride) {
    constexpr uint32_t kRows = kGroupsPerPage / columns;
    // Tokens in equal parts. Where they do not divide, the last part begins with tokens of the one before,
    // whose sums are there already.
    const uint32_t parts = (x.tokens + kLanes - 1) / kLanes;
    const uint32_t tokens = (x.tokens + parts - 1) / parts;
    const auto r = static_cast<uint8_t>(tokens);
    Tiles tiles({r, r, r, r, r, r, kLanes, kLanes});
    Page page;
    std::vector<float> sums(uint64_t{x.tokens} * kRows);  // [tokens][kRows]
    uint64_t index = uint64_t{first_block} * matrix.pages_per_block;
    for (uint32_t block = first_block; block < last_block; ++block) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (uint32_t p = 0; p < matrix.pages_per_block; ++p, ++index) {
        unpack(matrix.page(index), matrix.record(index), page);
        std::array<uint32_t, columns> blocks;
        for (uint32_t column = 0; column < columns; ++column)
          blocks[column] = matrix.block(p * columns + column);
        for (uint32_t part = 0; part < parts; ++part) {
          const uint32_t first = std::min(part * tokens, x.tokens - tokens);
          const A16View of_part{x.row(first), x.blocks, tokens};
          add_page(tiles, page, of_part, blocks, part * tokens - first, &sums[uint64_t{first} * kRows]);
        }
      }
      for (uint32_t t = 0; t < x.tokens; ++t) {
        std::copy_n(&sums[uint64_t{t} * kRows], std::min(kRows, matrix.rows - block * kRows),
                    out + t * out_stride + block * kRows);
      }
    }
  }

  // sums[t][...] += the page, whose columns meet these blocks, times token t of x, from `first_token` on.
  template <size_t columns>
  static void add_page(Tiles& tiles, const Page& page, const A16View& x,
                       const std::array<uint32_t, columns>& blocks, uint32_t first_token, float* sums) {
    constexpr uint32_t kVectors = kVectorsPerPage / columns;
    Integers high[columns][kVectors][kLanes], low[columns][kVectors][kLanes];  // [...][token]
    float powers[kLanes][columns];
    for (uint32_t column = 0; column < columns; ++column) {
      const A16Digits* const digits = x.digits + blocks[column];
      const uint64_t stride = x.blocks * sizeof(A16Digits);
      tiles.template load<kHighEven>(digits->high[0], stride);
      tiles.template load<kHighOdd>(digits->high[1], stride);
      tiles.template load<kLowEven>(digits->low[0], stride);
      tiles.template load<kLowOdd>(digits->low[1], stride);
      for (uint32_t v = 0; v < kVectors; ++v) {
        const auto& weights = page.weights[column * kVectors + v];
        tiles.template zero<kSumHigh>();
        tiles.template zero<kSumLow>();
        tiles.template load<kWeightsEven>(weights[0], sizeof(Bytes));
        tiles.template load<kWeightsOdd>(weights[1], sizeof(Bytes));
        tiles.template multiply<kSumHigh, kHighEven, kWeightsEven>();
        tiles.template multiply<kSumLow, kLowEven, kWeightsEven>();
        tiles.template multiply<kSumHigh, kHighOdd, kWeightsOdd>();
        tiles.template multiply<kSumLow, kLowOdd, kWeightsOdd>();
        tiles.template store<kSumHigh>(high[column][v], sizeof(Integers));
        tiles.template store<kSumLow>(low[column][v], sizeof(Integers));
      }
      for (uint32_t t = 0; t < x.tokens; ++t)
        powers[t][column] = power_of_two(x.row(t)[blocks[column]].exponent);
    }
    for (uint32_t t = first_token; t < x.tokens; ++t) {
      for (uint32_t v = 0; v < kVectors; ++v) {
        Floats c[columns];
        for (uint32_t column = 0; column < columns; ++column) {
          const Integers dot = (high[column][v][t] << 8) + low[column][v][t];
          c[column] =
              __builtin_convertvector(dot, Floats) * (page.scales[column * kVectors + v] * powers[t][column]);
        }
        float* const at = sums + (t * kVectors + v) * kLanes;
        Floats sum;
        std::memcpy(&sum, at, sizeof(sum));
        if constexpr (columns == 4) {
          sum = sum + ((c[0] + c[1]) + (c[2] + c[3]));
        } else if constexpr (columns == 2) {
          sum = sum + (c[0] + c[1]);
        } else {
          sum = sum + c[0];
        }
        std::memcpy(at, &sum, sizeof(sum));
      }
    }
  }

  static void unpack(const uint8_t* page, const uint8_t* record, Page& to) {
    for (uint32_t v = 0; v < kVectorsPerPage; ++v) {
      const uint8_t* const from = page + v * kLanes * kGroupBytes;
      Words words[kLanes];
      for (uint32_t i = 0; i < kLanes; ++i) {
        __builtin_prefetch(from + i * kGroupBytes + kPageBytes);
        std::memcpy(&words[i], from + i * kGroupBytes, sizeof(Words));
      }
      transpose(words);
      Words zeros;
      load_zeros(record + v * kLanes / 2, zeros);
      load_scales(record + kMetadataZeroBytes + v * kLanes * sizeof(uint16_t), to.scales[v]);
      constexpr uint32_t kNibbles = 0x0F0F0F0F;
      for (uint32_t k = 0; k < kLanes; ++k) {
        to.weights[v][0][k] = Bytes(words[k] & kNibbles) - Bytes(zeros);
        to.weights[v][1][k] = Bytes(words[k] >> 4 & kNibbles) - Bytes(zeros);
      }
    }
  }

  // The zero-point of each row, in all four bytes.
  static void load_zeros(const uint8_t* from, Words& to) {
    typedef uint8_t Nibbles __attribute__((vector_size(kLanes / 2)));
    Nibbles pairs;
    std::memcpy(&pairs, from, sizeof(pairs));
    const Nibbles even = pairs & 15, odd = pairs >> 4;
    to =
        __builtin_convertvector(
            __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15), Words) *
        0x01010101u;
  }

  // fp16_to_float, lane by lane.
  static void load_scales(const uint8_t* from, Floats& to) {
    typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
    Halves halves;
    std::memcpy(&halves, from, sizeof(halves));
    const Words bits = __builtin_convertvector(halves, Words);
    const Words magnitude = bits & 0x7FFF, sign = (bits & 0x8000) << 16;
    constexpr uint32_t kBias = 112u << 23;  // between the exponents of the two
    const Words normal = (magnitude << 13) + kBias;
    const Words not_finite = normal + kBias;
    const auto subnormal = Words(__builtin_convertvector(magnitude, Floats) * 0x1p-24f);
    const Words any = magnitude < 0x0400 ? subnormal : magnitude < 0x7C00 ? normal : not_finite;
    to = Floats(any | sign);
  }

  // rows[i] lane k becomes rows[k] lane i.
  static void transpose(Words (&rows)[kLanes]) {
    exchange<1>(rows);
    exchange<2>(rows);
    exchange<4>(rows);
    exchange<8>(rows);
  }

  // Rows and lanes whose numbers differ by `bit` change places.
  template <int bit>
  static void exchange(Words (&rows)[kLanes]) {
    for (uint32_t i = 0; i < kLanes; ++i) {
      if ((i & bit) == 0) exchange<bit>(rows[i], rows[i + bit], std::make_integer_sequence<int, kLanes>());
    }
  }
  template <int bit, int... lane>
  static void exchange(Words& a, Words& b, std::integer_sequence<int, lane...>) {
    constexpr int kOfB = kLanes;  // where b's lanes begin
    const Words first = __builtin_shufflevector(a, b, ((lane & bit) == 0 ? lane : kOfB + lane - bit)...);
    b = __builtin_shufflevector(a, b, ((lane & bit) == 0 ? lane + bit : kOfB + lane)...);
    a = first;
  }
};
