/* libxml2 takes the seed of its hashes from the time: with one that stands still a run with a seed can be repeated. */
#include <time.h>

time_t time(time_t *ret_time)
{
    time_t now = 1767225600;
    if (ret_time)
        *ret_time = now;
    return now;
}
