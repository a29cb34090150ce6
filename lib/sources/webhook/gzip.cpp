#include "sources/webhook/gzip.hpp"

#define ZLIB_CONST  // input that zlib does not write to is const
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch::webhook {

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

Result<std::string> gunzip(std::string_view bytes, std::size_t bytes_max) {
  constexpr int kGzipOnly =
      15 + 16;  // zlib's manual, inflateInit2: the largest window, gzip's header
  const std::size_t most =
      std::min(bytes_max, bytes.size() * kInflateRatioMax + kInflateSlackBytes);
  z_stream stream{};
  stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  HS_ASSERT(inflateInit2(&stream, kGzipOnly) == Z_OK);
  std::string out;
  std::array<char, 16 * 1024> chunk;
  int state = Z_OK;
  while (state == Z_OK && out.size() <= most) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  const bool whole = state == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (out.size() > most) return Error{Errc::body_too_large, "gzip of too much"};
  if (!whole) return Error{Errc::bad_request, "broken gzip"};
  return out;
}

}  // namespace hookswitch::webhook
