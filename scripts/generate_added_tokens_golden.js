#!/usr/bin/env node
// Writes src/tokenizer/testdata/added_tokens.json: small tokenizers whose added tokens have every combination of flags that
// matters, and the ids that the Hugging Face `tokenizers` library gives for texts with those tokens.
//
// usage: npm install tokenizers@0.23.2 && node scripts/generate_added_tokens_golden.js > OUT
const {Tokenizer} = require('tokenizers');

const kTexts = [
  'a<x>b', 'a <x> b', '<x>', '<x>a', 'a<x>', ' <x> ', 'a  <x>  b', '<x><x>', '<x> <x>', 'ab<x>ab <x>ab', 'a<x', 'x>a', '<<x>>', '<xx>', '',
  'a_<x>', 'a\n<x>\tb', '\u00e9<x>\u00e9', '<y>', 'a<y>b', 'a <y> b', '<y><x>', '<x><y>', '<xy>', 'a<xy>b', ' <xy>', 'b <x y> b', 'b<x y>b', '<x y>',
  'ab <x>', 'ba  ab', '\u2003<x>\u2003a', '1<x>1', 'a.<x>.b',
];
const kSpace = '\u2581';
const vocabulary = {'<unk>': 0};
for (const c of ['a', 'b', 'x', 'y', '<', '>', '_', '1', '.', '\n', '\t', '\u00e9', '\u2003', kSpace, 'ab', kSpace + 'a', kSpace + 'ab', kSpace + 'b'])
  vocabulary[c] = Object.keys(vocabulary).length;
const merges = [['a', 'b'], [kSpace, 'a'], [kSpace, 'ab'], [kSpace, 'b']];
const base = Object.keys(vocabulary).length;

const llama = {type: 'Sequence', normalizers: [{type: 'Prepend', prepend: kSpace}, {type: 'Replace', pattern: {String: ' '}, content: kSpace}]};
const metaspace = scheme => ({type: 'Metaspace', replacement: kSpace, prepend_scheme: scheme, split: false});
const kShapes = {
  llama: {normalizer: llama, pre_tokenizer: null},
  first: {normalizer: null, pre_tokenizer: metaspace('first')},
  always: {normalizer: null, pre_tokenizer: metaspace('always')},
};
const kFlags = [
  {}, {special: false}, {normalized: true}, {normalized: true, special: false}, {lstrip: true}, {rstrip: true}, {lstrip: true, rstrip: true},
  {single_word: true}, {single_word: true, special: false, normalized: false},
];

(async () => {
  const cases = [];
  for (const [shape, parts] of Object.entries(kShapes)) {
    for (const flags of kFlags) {
      const token = (id, content, more) => ({id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...more});
      const json = {
        version: '1.0', truncation: null, padding: null, post_processor: null, decoder: null, ...parts,
        added_tokens: [token(0, '<unk>'), token(base, '<x>', flags), token(base + 1, '<y>'), token(base + 2, '<x y>', flags), token(base + 3, '<xy>', {special: false})],
        model: {type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: false,
          ignore_merges: false, vocab: vocabulary, merges},
      };
      const tokenizer = Tokenizer.fromString(JSON.stringify(json));
      const ids = [];
      for (const text of kTexts) ids.push((await tokenizer.encode(text, null, {addSpecialTokens: false})).getIds());
      cases.push({shape, flags, tokenizer: json, ids});
    }
  }
  console.log(JSON.stringify({texts: kTexts, cases}));
})();
