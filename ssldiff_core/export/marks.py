"""The SYNTHETIC mark for machines: an XMP packet that says in IPTC's words that no camera made the image.

``Iptc4xmpExt:DigitalSourceType`` is what C2PA's assertions, search engines and picture desks look at; its value
``trainedAlgorithmicMedia`` means: made by a trained model.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from ..provenance import NOTICE

SOFTWARE = "ssldiff (SYNTHETIC image)"

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

XMP_TAG = 700
"""Of TIFF."""

XMP_PNG_KEY = "XML:com.adobe.xmp"

_PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="{SOFTWARE}"
    Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">SYNTHETIC image</rdf:li></rdf:Alt></dc:title>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(NOTICE)}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp_packet() -> bytes:
    """The packet, UTF-8."""
    return _PACKET.encode()


def xmp_tag() -> tuple[int, int, int, bytes, bool]:
    """The packet as tifffile's ``extratags`` takes it: a tag of bytes on the first page."""
    packet = xmp_packet()
    return (XMP_TAG, 1, len(packet), packet, True)
