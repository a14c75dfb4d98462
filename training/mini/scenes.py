"""What whole pictures may show that the captioner never saw, and how each of these words scores as a rule.

For pictures unlike the training photographs the captioner's sentences are guesses. These phrases are what it
may say instead (`vidsearch/models/mini/scenes.py`). Written by hand: places, things and people that videos of
homes, farms, workshops, laboratories and news show.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.mini.data import Photo, read_rgb
from vidsearch.models.mini.embedder import MiniEmbedder
from vidsearch.models.mini.scenes import phrase_vectors

NUM_USUAL = 1000

PHRASES = """
a brick wall|a stone wall|a page of printed text|a sheet of paper with handwriting|a sign with words
a map|a computer screen|a television screen|a test card|a clock on a wall|coins on a table
stars in the night sky|the moon|galaxies in space|a planet seen from space|clouds in the sky|a sunset
a city at night|a city skyline|a street with cars|a street with people|a road with traffic
cars in a parking lot|a highway|a railway track|a train at a station|an airport|a bridge over a river
a harbour with boats|the sea|a lake|a river|a waterfall|a mountain|a forest|a field|a garden|a desert
a farm|a barn|a tractor in a field|a greenhouse|rows of plants|a flower|a bunch of flowers
leaves of a plant|mushrooms|fruit|vegetables|vegetables on a conveyor belt|food on a plate|a cake|bread
pizza|a salad|a bowl of soup|a drink in a glass|a cup of coffee|bottles on a table
cans and jars on a shelf|a kitchen|a bathroom|a bedroom|a living room|an office|a classroom
people at tables in a room|a meeting|a library|a museum|a church|a temple|a palace|a house
a tall building|a building site|an empty room|a corridor|a staircase|a door|a window|a shop
an aisle in a shop|a supermarket|a market|a restaurant|a bar|a hospital|a laboratory|a workshop|a factory
a warehouse|a machine|an engine|tools on a bench|electronic parts|a circuit board
a worker in a hi-vis vest|a worker in a helmet|a person in a protective suit|a technician at a machine
an astronaut|a rocket|a satellite|a telescope|an airplane|a helicopter|a drone|a ship|a boat|a bus
a truck|a car|a motorcycle|a bicycle|a person standing in a room|a person sitting at a desk
a person speaking to the camera|a face|a man in a suit|a woman in a dress|a baby|hands holding something
a hand on a table|a doctor|a cook in a kitchen|a musician with a guitar|a band on a stage|a dancer
a theatre|a wedding|a gym|a cat|a horse|a cow|sheep in a field|a pig|chickens|a goat|a bird|a parrot
a penguin|an owl|a duck|a fish|an aquarium|a snake|a lizard|a frog|a turtle|an insect|a bee on a flower
a butterfly|a spider|a monkey|an elephant|a lion|a tiger|a bear|a panda|a deer|a rabbit|a mouse|a toy
a doll|a teddy bear|an animated film|a statue|a book|a newspaper|a bag|shoes|clothes|a chair|a table
a sofa|a bed|a lamp|a candle|a fire|smoke|a black and white film|an old photograph|gravel|wood|cloth
balloons at a party|a fountain|a playground
a toilet|a toilet in a bathroom|a sink|a bathtub|a stove in a kitchen|a refrigerator|a dining room
a table in a room|a table with chairs|a shelf with books|a bedroom with a bed|a room with a sofa|a fireplace
curtains at a window|a wooden floor|a laptop on a desk|a computer on a desk|a keyboard|a mobile phone
a camera|a television in a living room|a cabinet|boxes|a suitcase|a backpack|an umbrella|a vase with flowers
a plant in a pot|a christmas tree|a gift|a bottle of wine|a plate of meat|a plate of vegetables|a sandwich
a hot dog|doughnuts|bananas|apples|oranges|broccoli|carrots|cheese|rice|noodles|ice cream|a pie
a fish on a plate|a street sign|a stop sign|a traffic light|a fire hydrant|a parking meter|a clock tower
a fence|a gate|a parking lot|a street at night|a street with buildings|an old building|a skyscraper
a wooden house|a tower|a castle|a tent|a train on a track|a tram in a street|a steam train|a fire engine
a van|a racing car|an old car|a wheel|boats on the water|a sailing boat|a beach|waves on the sea|a pier
an island|a pond with ducks|a swimming pool|snow on a mountain|a snowy field|a snowy slope with trees
a ski track in the snow|a rocky cliff|a canyon|a path through a forest|trees in a park|a green field
a meadow with flowers|a lawn|a dirt road|a tree|a bare tree|a kite in the sky|an airplane in the sky
an airplane on a runway|a bird in the sky|the sky at night|a giraffe|giraffes by trees|a zebra
zebras on a plain|a herd of cows|a herd of elephants|horses in a field|birds on the water|a dog on a sofa
a cat on a bed|a cat on a table|a hamster|a kangaroo|a squirrel|a flock of birds|a tennis court
a baseball field|a football field|a skate park|a stadium|scissors|a knife and a fork|a cutting board
cups on a table|glasses on a table|a bowl of fruit|a bag of groceries|a diagram|a chart
a slide of a presentation|computer code on a screen|a web page|a colourful pattern

"""


def phrases() -> list[str]:
    """All of them, each once."""
    return list(dict.fromkeys(PHRASES.strip().replace("\n", "|").split("|")))


def usual_scores(photos: Sequence[Photo], weights: Path, *, threads: int) -> list[tuple[str, float, float]]:
    """Each phrase with the mean and the deviation of its cosines with photographs, by an embedder's files."""
    embedder = MiniEmbedder(num_threads=threads, folder=weights)
    images = embedder.embed_images([read_rgb(photo.path) for photo in photos[:NUM_USUAL]])
    known = phrases()
    cosines = phrase_vectors(embedder, known) @ images.T
    return [
        (phrase, round(float(np.mean(row)), 4), round(float(np.std(row)), 4))
        for phrase, row in zip(known, cosines, strict=True)
    ]
