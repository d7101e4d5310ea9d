"""What files of the small world deliver once more, one or two nights later: as it was, or of another amount."""


def delivered(world, random, names, nights):
    """A line in eight of every file, into the file of its name of a later night."""
    for name in names:
        for night in range(1, nights):
            before = world.files[name, max(0, night - random.randrange(1, 3))]
            for cells in random.sample(before, len(before) // 8):
                again = dict(cells)
                amount = "gross" if "gross" in again else "amount"
                if random.random() < 0.3:
                    # A digit more before the cents: another amount, of the same sign.
                    again[amount] = again[amount].replace(".", "1.")
                world.add(name, night, **again)
