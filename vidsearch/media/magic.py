"""Says what kind of file some first bytes belong to."""

from __future__ import annotations

HEAD_BYTES = 64
"""As many first bytes as are looked at."""

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
"""Of still pictures in an MP4 container: ISO/IEC 23008-12, and AV1 Image File Format."""
_HEIF_SEQUENCE_BRANDS = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})


def container_name(head: bytes) -> str | None:
    """The container that a file is, by its first bytes: "MP4"."""
    return _name(head, _CONTAINERS)


def picture_name(head: bytes) -> str | None:
    """The kind of still picture that a file is, by its first bytes: "JPEG".

    None for a sequence in HEIF or AVIF, which is a video. An animated PNG or WebP is named as a still one is.
    """
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = {head[place : place + 4] for place in range(8, min(size, len(head)), 4) if place != 12}
        return None if brands & _HEIF_SEQUENCE_BRANDS else _HEIF_BRANDS.get(head[8:12])
    return _name(head, _PICTURES)


def _name(head: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for offset, magic, name in table if head[offset : offset + len(magic)] == magic), None)
