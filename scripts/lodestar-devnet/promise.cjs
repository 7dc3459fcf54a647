// Node 20 lacks this, and a dependency of Lodestar 1.5.1 wants it.
Promise.withResolvers ??= function withResolvers() {
  const result = {};
  result.promise = new this((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
};
