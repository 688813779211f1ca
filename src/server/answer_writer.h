// Answers in the forms of OpenAI's endpoints, whole or as events of a stream.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "server/job.h"

namespace brim::server {

// What an answer has come to so far.
struct WrittenAnswer {
  AnswerParts parts;
  std::vector<TokenInfo> tokens;
  std::string reason;
  Timings timings;
};

class AnswerWriter {
 public:
  AnswerWriter(const Job& job, std::string model);
  virtual ~AnswerWriter() = default;

  // Events of a stream, ready to be sent: before everything, for a piece, where an answer ends, and at the
  // end.
  virtual std::string begin() = 0;
  virtual std::string piece(const AnswerPiece& piece) = 0;
  virtual std::string end(const AnswerEnd& end) = 0;
  virtual std::string finish() = 0;

  // The whole, where there is no stream.
  virtual Json whole() = 0;

  // To be called with everything that comes, before the above.
  void take(const AnswerPiece& piece);
  void take(const AnswerEnd& end);

 protected:
  // The usage of all answers together.
  Json usage(const char* prompt_key, const char* answer_key) const;
  static Json timings(const Timings& timings);

  const Job& job_;
  const std::string model_;
  const std::time_t created_;
  std::vector<WrittenAnswer> answers_;
};

// `job` must outlive it.
std::unique_ptr<AnswerWriter> make_answer_writer(const Job& job, std::string model);

// "data: {...}" as an event; `name`: with "event: NAME" before it.
std::string event(const Json& data, const std::string& name = {});

// What clients tell servers by.
std::string system_fingerprint();

}  // namespace brim::server
