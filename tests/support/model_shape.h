// Descriptions of small models. For tests.
#pragma once

#include <string>

#include "model/description.h"

namespace brim::test {

struct Heads {
  uint32_t query, kv, size;
};

// Two layers; everything else that a model may have it has not.
inline ModelDescription model_shape(const std::string& name, uint32_t dim, Heads heads, uint32_t hidden,
                                    uint32_t vocabulary, uint32_t trained_context = 128) {
  ModelDescription model;
  model.name = name;
  model.dim = dim;
  model.layers = 2;
  model.heads = heads.query;
  model.kv_heads = heads.kv;
  model.head_size = heads.size;
  model.hidden = hidden;
  model.vocabulary = vocabulary;
  model.trained_context = trained_context;
  return model;
}

}  // namespace brim::test
