# ruff: noqa: E501
"""What ImageNet's 1,000 classes are called, in words that people use.

Class names as torchvision lists them (BSD-3-Clause). Many name a breed or a sense that a sentence encoder doesn't know
("malinois", "crane"); so each class also has the everyday noun of its kind, which the captioner can say aloud.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# First and last class (both included) of each kind of animal, and its everyday noun.
_ANIMALS = """
0-1 fish|2-4 shark|5-6 stingray|7-7 rooster|8-8 hen|9-9 ostrich|10-21 bird|22-22 eagle|23-23 vulture|24-24 owl
25-29 salamander|30-32 frog|33-37 turtle|38-48 lizard|49-50 crocodile|51-51 dinosaur|52-68 snake|70-70 spider
71-71 scorpion|72-77 spider|79-79 centipede|80-83 bird|84-84 peacock|85-86 bird|87-90 parrot|91-96 bird|97-98 duck
99-99 goose|100-100 swan|101-101 elephant|102-102 echidna|103-103 platypus|104-104 kangaroo|105-105 koala
106-106 wombat|107-107 jellyfish|108-108 sea anemone|109-109 coral|110-112 worm|113-113 snail|114-115 slug
118-121 crab|122-124 lobster|125-125 crab|127-128 stork|129-129 bird|130-130 flamingo|131-133 heron|134-134 crane
135-143 bird|144-144 pelican|145-145 penguin|146-146 bird|147-148 whale|149-149 dugong|150-150 sea lion|151-268 dog
269-272 wolf|273-275 wild dog|276-276 hyena|277-280 fox|281-285 cat|286-286 cougar|287-287 lynx|288-288 leopard
289-289 snow leopard|290-290 jaguar|291-291 lion|292-292 tiger|293-293 cheetah|294-297 bear|298-298 mongoose
299-299 meerkat|300-307 beetle|308-308 fly|309-309 bee|310-310 ant|311-311 grasshopper|312-312 cricket
314-314 cockroach|315-315 mantis|319-320 dragonfly|321-326 butterfly|327-327 starfish|328-328 sea urchin
330-332 rabbit|333-333 hamster|334-334 porcupine|335-335 squirrel|336-336 marmot|337-337 beaver|338-338 guinea pig
339-339 horse|340-340 zebra|341-341 pig|342-343 wild boar|344-344 hippopotamus|345-345 ox|346-346 water buffalo
347-347 bison|348-349 sheep|350-350 goat|351-353 antelope|354-354 camel|355-355 llama|356-359 weasel|360-360 otter
361-361 skunk|362-362 badger|363-363 armadillo|364-364 sloth|365-365 orangutan|366-366 gorilla|367-367 chimpanzee
368-384 monkey|385-386 elephant|387-387 red panda|388-388 panda|389-397 fish
"""

# Things whose name says what the whole picture is of: noun, then its classes.
_THINGS = """
guitar 402 546|accordion 401|drum 541|harp 594|piano 579 881|saxophone 776|violin 889|cello 486|flute 558|trombone 875
airplane 404 895|airship 405|ambulance 407|hot air balloon 417|barn 425|bathtub 435 876|lighthouse 437|bicycle 444 671
bobsled 450|bookcase 453|bookshop 454|train 466 547 820 705|taxi 468|candle 470|cannon 471|canoe 472|carousel 476
castle 483|sailboat 484 871 914|phone 487 528|church 497|cup of coffee 504 967|teapot 505 849|keyboard 508 878
ship 510 628|car 436 511 627 656 817 751 661|desk 526|computer 527 664 681 620|dining table 532|dam 525
fire truck 555|forklift 561|fountain 562|frying pan 567|garbage truck 569|go-kart 573|golf cart 575|gondola 576
greenhouse 580|grocery store 582|harvester 595 856|motorcycle 665 670|jeep 609|lawn mower 621|library 624|maze 646
microphone 650|microwave 651|minibus 654|mosque 668|truck 675 864 867 717|palace 698|parachute 701|pool table 736
printer 742|radio 754|radio telescope 755|motorhome 757|refrigerator 760|remote control 761|restaurant 762
sewing machine 786|shopping cart 791|snowmobile 802|snowplow 803|rocket 657 744|space shuttle 812|speedboat 814
stove 827|bridge 821 839 888|tram 829|submarine 833|tank 847|teddy bear 850|television 851|toaster 859|tractor 866
school bus 779|trolleybus 874|typewriter 878|umbrella 879|vase 883|vending machine 886|washing machine 897|sink 896
wine bottle 907|beer bottle 440|water bottle 898|bottle 737|wok 909|crossword puzzle 918|comic book 917
traffic light 920|street sign 919|guacamole 924|ice cream 928|popsicle 929|loaf of bread 930|bagel 931|pretzel 932
cheeseburger 933|hot dog 934|plate of mashed potatoes 935|cabbage 936|broccoli 937|cauliflower 938|zucchini 939
squash 940 941 942|cucumber 943|artichoke 944|bell pepper 945|mushroom 947 992 997|green apple 948|strawberry 949
orange 950|lemon 951|fig 952|pineapple 953|banana 954|pomegranate 957|pizza 963|burrito 965|glass of red wine 966
plate of pasta 959|volcano 980|geyser 974|coral reef 973|daisy 985|clock 409 530 892|watch 531|slot machine 800
"""

# What a room or a place is known by: a query for the place should find the thing.
_PLACES = """
kitchen 495 499 505 521 534 544 550 567 618 647 651 659 729 738 760 766 809 813 827 828 849 859 891 909 910 532
office 526 527 508 620 664 673 681 742 713 453|bathroom 435 861 876 896 793 794 434 999
bedroom 516 520 564 750 721 697|living room 831 851 846 598 548 765|workshop 740 784 587 477 621 481 739 596
street 468 555 569 654 675 717 734 779 829 864 867 874 919 920 704|shop 415 454 467 509 582 788 860 865 791
music 402 420 401 486 541 546 558 566 579 594 683 687 776 875 881 889 513|food 924 925 926 927 928 929 930 931 932 933
food 934 935 936 937 938 939 940 941 942 943 944 945 947 948 949 950 951 952 953 954 955 956 957 959 960 961 962 963
food 964 965|drink 440 441 737 907 966 967 969 504 572 898 899|factory 476 561 786 538 634 695 722 778
"""

_SAID_OTHERWISE = {
    281: "tabby cat", 282: "tiger cat", 284: "Siamese cat", 285: "Egyptian cat", 283: "Persian cat", 97: "drake duck",
    134: "crane bird", 517: "construction crane", 387: "red panda", 388: "giant panda", 339: "brown horse",
    456: "archery bow", 463: "bucket", 478: "cardboard box", 436: "station wagon car", 412: "trash can",
    487: "mobile phone", 526: "desk", 536: "boat dock", 545: "electric fan", 553: "file cabinet", 579: "grand piano",
    592: "hard disk", 608: "blue jeans", 621: "lawn mower", 628: "ocean liner ship", 638: "swimsuit", 639: "swimsuit",
    657: "missile rocket", 744: "projectile rocket", 651: "microwave oven", 664: "computer monitor", 673: "computer mouse",
    681: "laptop notebook computer", 682: "stone obelisk", 677: "metal nail", 703: "park bench", 717: "pickup truck",
    721: "pillow", 725: "water pitcher", 726: "wood plane tool", 733: "pole", 742: "computer printer", 751: "race car",
    752: "tennis racket", 758: "fishing reel", 759: "camera", 769: "ruler", 778: "weighing scale", 783: "metal screw",
    800: "slot machine", 804: "soap dispenser", 818: "spotlight", 819: "stage", 829: "tram streetcar", 831: "sofa couch",
    836: "sunglasses", 843: "playground swing", 847: "army tank", 861: "toilet", 862: "torch", 881: "upright piano",
    896: "bathroom sink", 897: "washing machine", 916: "web site", 925: "soup", 927: "trifle dessert", 928: "ice cream",
    929: "popsicle", 930: "loaf of bread", 948: "green apple", 967: "cup of espresso coffee", 968: "cup",
    981: "baseball player", 982: "bridegroom", 998: "ear of corn", 999: "toilet paper", 89: "white cockatoo parrot",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class: its name, its everyday noun where one fits a caption, the kind of thing or place, if an animal."""

    name: str
    noun: str | None
    kind: str | None
    is_animal: bool

    def prompts(self) -> tuple[str, ...]:
        """Sentences whose mean vector stands for the class."""
        named = f"a photo of a {self.name}"
        return (named, f"a photo of a {self.kind}") if self.kind and self.kind not in self.name else (named,)


@lru_cache(maxsize=1)
def classes() -> tuple[ImageNetClass, ...]:
    """The 1,000 classes in the classifier's order."""
    names: list[str] = json.loads(
        (Path(__file__).parent / "imagenet_classes.json").read_text(encoding="utf-8")
    )
    nouns: dict[int, str] = {}
    kinds: dict[int, str] = {}
    animals: set[int] = set()
    for entry in _ANIMALS.replace("\n", "|").strip("|").split("|"):
        span, noun = entry.split(" ", 1)
        first, last = map(int, span.split("-"))
        for i in range(first, last + 1):
            nouns[i] = kinds[i] = noun
            animals.add(i)
    for entry in _PLACES.replace("\n", "|").strip("|").split("|"):
        parts = entry.split()
        place = " ".join(part for part in parts if not part.isdigit())
        kinds.update({int(part): place for part in parts if part.isdigit()})
    for entry in _THINGS.replace("\n", "|").strip("|").split("|"):
        parts = entry.split()
        noun = " ".join(part for part in parts if not part.isdigit())
        for part in parts:
            if part.isdigit():
                nouns[int(part)] = noun
                kinds.setdefault(int(part), noun)
    return tuple(
        ImageNetClass(_SAID_OTHERWISE.get(i, name), nouns.get(i), kinds.get(i), i in animals)
        for i, name in enumerate(names)
    )
