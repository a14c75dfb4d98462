"""Identifies a file's kind by its first bytes."""

from __future__ import annotations

HEAD_BYTES = 64
"""How many first bytes are needed."""

_CONTAINERS = (
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV\x01", "FLV"),
    (0, b"GIF8", "GIF"),
    (0, b"OggS", "Ogg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMV"),
)

_PICTURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
)

_HEIF_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"heif"), "HEIC"),
    b"avif": "AVIF",
}
"""Brands of still pictures in an MP4 container: ISO/IEC 23008-12, and AV1 Image File Format."""
_HEIF_SEQUENCE_BRANDS = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})


def container_name(head: bytes) -> str | None:
    """Name a file's container by its first bytes, such as "MP4"; None if unknown."""
    return _name(head, _CONTAINERS)


def picture_name(head: bytes) -> str | None:
    """Name a still picture's format by its first bytes, such as "JPEG"; None if it is not one.

    None for a HEIF or AVIF sequence, which is a video. An animated PNG or WebP has the same name as a still
    one.
    """
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = {head[place : place + 4] for place in range(8, min(size, len(head)), 4) if place != 12}
        return None if brands & _HEIF_SEQUENCE_BRANDS else _HEIF_BRANDS.get(head[8:12])
    return _name(head, _PICTURES)


def _name(head: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for offset, magic, name in table if head[offset : offset + len(magic)] == magic), None)
