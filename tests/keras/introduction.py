"""Program: the introduction's, unchanged but for one import, on handwritten digits; prints its losses as JSON."""

import json

import keras
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from memcell.keras import LSTM

keras.utils.set_random_seed(0)
digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images.astype("float32") / 16, np.eye(10)[digits.target], test_size=0.25, random_state=0
)
timesteps, input_dim, output_dim = 8, 8, 10

model = Sequential()
model.add(LSTM(128, input_shape=(timesteps, input_dim)))
model.add(Dense(output_dim, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(X_train, y_train, epochs=2, batch_size=32, verbose=0)
predictions = model.predict(X_test, verbose=0)

accuracy = float((predictions.argmax(1) == y_test.argmax(1)).mean())
print(json.dumps({"loss": history.history["loss"], "accuracy": accuracy, "shape": predictions.shape}))
