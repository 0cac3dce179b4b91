"""How much memory a process holds."""

from kursi_local.lineage import family


def mebibytes(pid: int) -> int:
    """Resident memory of a process and its children; what several share is counted once where Linux tells."""
    import psutil  # only who asks pays for loading it

    total = 0
    for kin in family(pid):
        try:
            usage = psutil.Process(kin.pid).memory_full_info()
        except psutil.Error:
            continue
        total += getattr(usage, "pss", usage.rss)
    return round(total / 1024**2)
