// What the tests of the checkpoint readers share: files and folders that vanish, refusals as text, whole
// tensors.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/checkpoint_writers.h"
#include "model/tensor_source.h"
#include "tests/support/temporary_folder.h"

namespace brim::test {

// The text of the Error that `action` throws; a test failure and "" if it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

inline std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// All values of a tensor.
inline std::vector<float> tensor_of(const TensorSource& source, TensorId id) {
  const TensorShape shape = tensor_shape(source.description(), id.role);
  std::vector<float> values(shape.rows * shape.columns);
  source.read_rows(id, 0, shape.rows, values);
  return values;
}

// All tensors of a model.
inline std::vector<TensorId> tensors_of(const ModelDescription& model) {
  std::vector<TensorId> ids;
  for_each_tensor(model, [&](TensorId id) { ids.push_back(id); });
  return ids;
}

}  // namespace brim::test

// Expects that `action` throws an Error whose text contains `part`.
#define EXPECT_REFUSED(action, part)                                          \
  do {                                                                        \
    const std::string refusal_text = ::brim::test::error_of([&] { action; }); \
    EXPECT_NE(refusal_text.find(part), std::string::npos) << refusal_text;    \
  } while (false)
