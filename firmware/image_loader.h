// Brings the image from the card into memory.
#pragma once

#include "firmware/embedding_rows.h"
#include "image/header.h"

namespace brim {

// Finds brim.img, brim1.img ... on the card, checks header and memory, loads every region and checks it,
// with progress on the console. An image that stands in memory already (put there by a boot loader, or before
// a warm reset), is checked and used without loading where the card has the same or there is no card. Null,
// with what is wrong on the console, if there is no sound image. The header stays where it is in memory.
// `rows` gets to know where those of an embedding on the card are.
const ImageHeader* load_image(EmbeddingRows& rows);

// Null where the image did not come from a card.
Fat32* card_with_image();

// Reads [address, address + bytes) of the image from the card into memory again: whole pages of `region`,
// which has content. The lines are left in the processor's cache. False, saying why on the console, where the
// card is not there or does not hold this image any more.
bool read_again(const ImageHeader& image, const RegionEntry& region, uint64_t address, uint64_t bytes);

}  // namespace brim
