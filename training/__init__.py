"""How the models that ship with vidsearch were made."""
