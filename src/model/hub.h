// Models that Hugging Face's tools have downloaded: the cache they keep, by repository name.
#pragma once

#include <string>

namespace brim {

// What open_model takes for `model`: of "hub:ORG/NAME" and "hub:ORG/NAME@REVISION" the folder of that
// revision (main where none is named) in the cache, or the only .gguf file in there where it holds no
// config.json; anything else as it is. Throws Error saying how to download what is not there; nothing is
// downloaded.
std::string local_path(const std::string& model);

// "NAME" of a folder in the cache, whose own name is a commit; any other folder's own name.
std::string model_name_of(const std::string& directory);

}  // namespace brim
