"""Gunicorn whose web server waits for clients for seconds, where the hub's waits for minutes."""

from gunicorn.app.wsgiapp import run

from jobs.processes import web_channel

HEADER_SECONDS, BODY_SECONDS, ANSWER_SECONDS = 2.0, 4.0, 3.0

if __name__ == "__main__":
    web_channel.HEADER_SECONDS = HEADER_SECONDS
    web_channel.BODY_SECONDS = BODY_SECONDS
    web_channel.ANSWER_SECONDS = ANSWER_SECONDS
    run()
