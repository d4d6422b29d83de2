"""What a caption can name: for each domain its concepts, in many words, and where they are known from.

A concept is known from a label of the data sets (a whole image is of it) or from swatches of the shipped palette (a
single cell is nearest to one of them). Names of swatches were given by looking at clusters of training patches.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """Something that captions name.

    Args:
        name: its short name, also a class label on the command line.
        words: how captions call it; the first is the plainest.
        labels: labels of images that are wholly of it.
        swatches: names of swatches whose cells are of it.
    """

    name: str
    words: tuple[str, ...]
    labels: tuple[str, ...] = ()
    swatches: tuple[str, ...] = ()


AERIAL = (
    Concept("farmland", ("farmland", "farm fields", "crops", "agricultural land", "cultivated fields", "agriculture"),
            ("agricultural",), ("ploughed field", "green field")),
    Concept("ploughed field", ("ploughed field", "a plowed field", "furrows", "tilled soil"), (), ("ploughed field",)),
    Concept("green field", ("green field", "meadow", "grass", "pasture", "lawn"), (), ("green field",)),
    Concept("airplane", ("airplanes", "aircraft", "parked planes", "an airport apron", "airplane", "jets"),
            ("airplane",)),
    Concept("baseball diamond", ("baseball diamond", "a baseball field", "a ball park", "baseball", "a sports ground"),
            ("baseballdiamond",)),
    Concept("beach", ("beach", "a sandy shore", "the sea shore", "coast", "surf and sand", "waves on a beach"),
            ("beach",)),
    Concept("sand", ("sand", "pale sand", "sandy ground"), (), ("pale sand",)),
    Concept("buildings", ("buildings", "large buildings", "office blocks", "downtown", "city blocks", "flat roofs",
            "warehouses"), ("buildings",), ("flat roofs",)),
    Concept("harbour", ("harbour", "harbor", "boats", "a marina", "moored boats", "a port with boats", "jetties"),
            ("harbor",), ("harbour",)),
    Concept("intersection", ("street crossing", "intersection", "a crossroads", "crossing streets", "road junction"),
            ("intersection",), ("street crossing",)),
    Concept("houses", ("houses", "suburb", "a residential area", "a neighbourhood", "homes", "family houses",
            "housing"), ("mediumresidential",), ("dry suburb", "wooded streets")),
    Concept("dry suburb", ("dry suburb", "houses on dry ground"), (), ("dry suburb",)),
    Concept("wooded streets", ("wooded streets", "houses among trees", "streets lined with trees", "leafy streets"), (),
            ("wooded streets",)),
    Concept("mobile homes", ("mobile homes", "mobile home park", "trailers", "a trailer park", "caravans"),
            ("mobilehomepark",), ("mobile homes",)),
    Concept("overpass", ("overpass", "a bridge over a road", "a highway interchange", "crossing highways", "flyover"),
            ("overpass",)),
    Concept("freeway", ("freeway", "highway", "motorway", "a wide road", "lanes of traffic"), (), ("freeway",)),
    Concept("car park", ("car park", "parking lot", "parked cars", "cars", "rows of cars", "a parking area"),
            ("parkinglot",), ("car park", "bright car park")),
    Concept("river", ("river", "a stream", "water and banks", "water", "a winding river", "river banks", "a creek"),
            ("river",), ("river and banks",)),
    Concept("runway", ("runway", "an airstrip", "airport runway", "tarmac with markings", "landing strip"),
            ("runway",), ("runway",)),
    Concept("sparse houses", ("sparse houses", "scattered houses", "a country house", "farm houses", "a lone house",
            "a rural home"), ("sparseresidential",)),
    Concept("storage tanks", ("storage tanks", "oil tanks", "round tanks", "tank farm", "silos", "fuel tanks"),
            ("storagetanks",)),
    Concept("tennis court", ("tennis court", "tennis courts", "a court for tennis", "sports courts", "tennis"),
            ("tenniscourt",)),
    Concept("park", ("park", "parkland", "trees and grass", "trees", "woodland", "a wooded park"), (), ("park",)),
    Concept("bare ground", ("bare ground", "dirt", "bare soil", "waste land", "earth"), (), ("bare ground",)),
)  # fmt: skip

TISSUE = (
    Concept("viable tumour", ("viable tumour", "living tumour", "osteosarcoma"), ("viable_tumor",)),
    Concept("necrosis", ("necrosis", "dead tissue", "necrotic tissue", "necrotic tumour", "dying cells"),
            ("necrosis",), ("necrosis",)),
    Concept("normal tissue", ("normal tissue", "no tumour", "healthy tissue", "non-tumour"), ("non_tumor",)),
    Concept("tumour", ("tumour", "tumor", "tumour cells", "tumour nests", "cancer", "malignant cells", "dense nuclei"),
            (), ("squamous tumour", "pleomorphic tumour", "spindle cell tumour", "breast carcinoma")),
    Concept("squamous tumour", ("squamous tumour", "squamous cells", "squamous carcinoma"), (), ("squamous tumour",)),
    Concept("pleomorphic tumour", ("pleomorphic tumour", "large irregular nuclei"), (), ("pleomorphic tumour",)),
    Concept("spindle cell tumour", ("spindle cell tumour", "spindle cells", "sarcoma"), (), ("spindle cell tumour",)),
    Concept("breast carcinoma", ("breast carcinoma", "breast cancer", "carcinoma"), (), ("breast carcinoma",)),
    Concept("glass", ("glass", "background", "empty glass", "nothing", "white background"), (), ("glass",)),
    Concept("myxoid matrix", ("myxoid matrix", "mucoid matrix", "pale matrix", "blue matrix"), (), ("myxoid matrix",)),
    Concept("hyaline matrix", ("hyaline matrix", "cartilage", "glassy matrix"), (), ("hyaline matrix",)),
    Concept("inflamed stroma", ("inflamed stroma", "inflammation", "lymphocytes", "inflammatory cells"), (),
            ("inflamed stroma",)),
    Concept("stroma", ("stroma", "fibrous stroma", "fibrous tissue", "collagen", "connective tissue"), (),
            ("fibrous stroma", "loose connective tissue")),
    Concept("loose connective tissue", ("loose connective tissue", "loose stroma", "pale stroma"), (),
            ("loose connective tissue",)),
    Concept("fat", ("fat", "marrow", "bone marrow", "fatty marrow", "adipose tissue"), (), ("fat",)),
    Concept("blood", ("blood", "haemorrhage", "red cells", "bleeding"), (), ("blood",)),
    Concept("bone", ("bone", "lamellar bone", "bone trabeculae", "compact bone"), (), ("lamellar bone",)),
)  # fmt: skip

CONCEPTS: dict[str, tuple[Concept, ...]] = {"aerial": AERIAL, "tissue": TISSUE}
